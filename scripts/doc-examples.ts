/**
 * Examples in a document that can be run: a code fence whose first line is marked `run`, and after it, perhaps, one that
 * is marked `answer` with what it prints.
 */
export interface Example {
  readonly language: string;
  readonly code: string;
  /** null: it may print whatever it likes. */
  readonly answer: string | null;
  /** Of the fence, from 1. */
  readonly line: number;
}

const FENCE = /^```(\w+) (run|answer)$/;

export function examplesOf(markdown: string): Example[] {
  const examples: { language: string; code: string; answer: string | null; line: number }[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const match = FENCE.exec(lines[i]!);
    if (match === null) continue;
    const start = i + 1;
    const end = lines.indexOf('```', start);
    const body = lines.slice(start, end).join('\n');
    const [, language, kind] = match;
    if (kind === 'run') examples.push({ language: language!, code: body, answer: null, line: start });
    else examples.at(-1)!.answer = body;
    i = end;
  }
  return examples;
}

/** Whether what was printed is what the answer says. `…` stands for anything; white space does not count. */
export function isAnswer(answer: string, printed: string): boolean {
  const parts = bare(answer)
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*?')}$`).test(bare(printed));
}

const bare = (text: string): string => text.replace(/\s+/g, '');
