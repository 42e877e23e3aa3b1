import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { KEPT_MESSAGES, type MessageLog, type Received } from '../../mqtt/message-log.ts';
import { type PayloadFormat, payloadText } from '../../mqtt/payload.ts';
import { Card } from '../../ui/card.tsx';
import { useLive } from '../../ui/changes.ts';
import { SelectField } from '../../ui/fields.tsx';

type Order = 'newest-first' | 'newest-last';

const FORMATS = [
  ['auto', 'What fits'],
  ['text', 'Text'],
  ['json', 'JSON'],
  ['hex', 'Hex'],
] as const;
const ORDERS = [
  ['newest-first', 'Newest first'],
  ['newest-last', 'Newest last'],
] as const;
/** Within this many pixels of its end a list counts as scrolled to the end. */
const AT_END_PX = 24;
const RATE_REDRAW_MS = 1000;

export function MessageList({ log }: { readonly log: MessageLog }): JSX.Element {
  const [format, setFormat] = useState<PayloadFormat>('auto');
  const [order, setOrder] = useState<Order>('newest-first');
  useLive(log.live);
  const messages = log.messages();
  const shown = order === 'newest-first' ? messages.toReversed() : messages;
  const list = useStayAtEnd(order === 'newest-last', messages.at(-1)?.id ?? 0);
  return (
    <Card title="Messages" class="messages" aside={<Tally log={log} />}>
      <div class="toolbar">
        <SelectField label="Payload as" value={format} options={FORMATS} onValue={setFormat} />
        <SelectField label="Order" value={order} options={ORDERS} onValue={setOrder} />
        <button type="button" aria-pressed={log.paused} onClick={() => (log.paused ? log.resume() : log.pause())}>
          {log.paused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" onClick={() => log.clear()}>
          Clear
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and not only under a pointer */}
      <ol class="message-list" aria-label={`The newest ${KEPT_MESSAGES} messages`} tabIndex={0} ref={list}>
        {shown.map((message) => (
          <Row key={message.id} message={message} format={format} />
        ))}
      </ol>
      {messages.length === 0 && <p class="empty">Messages of your subscriptions appear here.</p>}
    </Card>
  );
}

/** Keeps a list at its end while messages are added there, unless somebody has scrolled away. */
function useStayAtEnd(wanted: boolean, newest: number): { current: HTMLOListElement | null } {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  const wasWanted = useRef(false);
  const element = list.current;
  if (element !== null) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < AT_END_PX;
  if (wanted && !wasWanted.current) atEnd.current = true;
  wasWanted.current = wanted;
  // A new message is what makes the list longer.
  useLayoutEffect(() => {
    if (wanted && atEnd.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [wanted, newest]);
  return list;
}

function Tally({ log }: { readonly log: MessageLog }): JSX.Element {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  // The rate falls when nothing arrives any more, and then nothing else draws it.
  useEffect(() => {
    const timer = setInterval(() => redraw(null as never), RATE_REDRAW_MS);
    return () => clearInterval(timer);
  }, []);
  const waiting = log.paused ? ` · ${log.sincePause.toLocaleString('en')} while paused` : '';
  return (
    <p class="tally note">
      {log.count.toLocaleString('en')} received · {log.rate(Date.now()).toLocaleString('en')} per second{waiting}
    </p>
  );
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});

interface RowProps {
  readonly message: Received;
  readonly format: PayloadFormat;
}

/** Drawn once and not compared again: a message does not change. */
const Row = (props: RowProps): JSX.Element => useMemo(() => drawRow(props), [props.message, props.format]);

function drawRow({ message, format }: RowProps): JSX.Element {
  const { atMs, topic, qos, retained, payloadBytes, contentType } = message;
  const type = contentType === null ? '' : ` · ${contentType}`;
  return (
    <li>
      <div class="message-head">
        <code class="topic">{topic}</code>
        {retained && <span class="tag">retained</span>}
        <span class="note">
          QoS {qos} · {payloadBytes.toLocaleString('en')} B{type} ·{' '}
          <time dateTime={new Date(atMs).toISOString()}>{clock.format(atMs)}</time>
        </span>
      </div>
      {payloadBytes === 0 ? <p class="note">no payload</p> : <pre>{payloadText(message, format)}</pre>}
    </li>
  );
}
