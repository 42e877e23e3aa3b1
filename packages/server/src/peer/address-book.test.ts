import { expect, it } from 'vitest';
import { AddressBook } from './address-book.ts';

it('an address book forgets whom nobody has asked for longest', () => {
  const book = new AddressBook(2);
  book.put('a', ['/a']);
  book.put('b', ['/b']);
  expect(book.get('a')).toEqual(['/a']);
  book.put('c', ['/c']);
  expect(['a', 'b', 'c'].map((id) => book.get(id))).toEqual([['/a'], [], ['/c']]);
});

it('an address book takes the word of a caller, and that of a peer only if it knows no better', () => {
  const book = new AddressBook(2);
  book.putIfNew('a', ['/said by itself']);
  book.put('a', ['/newer']);
  book.put('a', []);
  book.putIfNew('a', ['/said by itself']);
  expect(book.get('a')).toEqual(['/newer']);
});
