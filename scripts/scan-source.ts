/** What the import check sees of a source file. */
export interface ScannedSource {
  /** Specifiers of every import and export-from, static and dynamic, types included, with their line. */
  imports: { specifier: string; line: number }[];
  /** The source with comments, texts and regular expressions blanked out, line by line where it was. */
  code: string;
}

// After one of these a slash starts a regular expression; after anything else it divides.
const BEFORE_REGEX =
  /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|yield|await))\s*$/;
const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/**
 * Blanks what is not code. `keepTexts` keeps plain texts, for specifiers. A small scanner rather than a parser:
 * it knows comments, texts, templates (with the code in them) and regular expressions, and no more.
 */
function blankOut(source: string, keepTexts: boolean): string {
  let out = '';
  let i = 0;
  // One entry per template that we are inside of: how many braces are open in its current `${`.
  const templates: number[] = [];

  const template = (): void => {
    while (i < source.length) {
      const char = source[i]!;
      if (char === '\\') {
        out += blank(source.slice(i, i + 2));
        i += 2;
      } else if (char === '`') {
        out += char;
        i++;
        return;
      } else if (char === '$' && source[i + 1] === '{') {
        out += ' {';
        i += 2;
        templates.push(0);
        return;
      } else {
        out += blank(char);
        i++;
      }
    }
  };

  while (i < source.length) {
    const char = source[i]!;
    const rest = source.slice(i, i + 2);
    if (rest === '//' || rest === '/*') {
      const close = rest === '//' ? source.indexOf('\n', i) : source.indexOf('*/', i) + 2;
      const end = close < (rest === '//' ? 0 : 2) ? source.length : close;
      out += blank(source.slice(i, end));
      i = end;
    } else if (char === "'" || char === '"') {
      let end = i + 1;
      while (end < source.length && source[end] !== char && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1;
      const inside = source.slice(i + 1, end);
      out += char + (keepTexts ? inside : blank(inside)) + (source[end] ?? '');
      i = end + 1;
    } else if (char === '`') {
      out += char;
      i++;
      template();
    } else if (char === '/' && BEFORE_REGEX.test(out.slice(-20))) {
      let end = i + 1;
      for (let inClass = false; end < source.length && source[end] !== '\n'; end++) {
        if (source[end] === '\\') end++;
        else if (source[end] === '[') inClass = true;
        else if (source[end] === ']') inClass = false;
        else if (source[end] === '/' && !inClass) break;
      }
      out += blank(source.slice(i, end + 1));
      i = end + 1;
    } else {
      if (templates.length > 0 && char === '{') templates[templates.length - 1]!++;
      if (templates.length > 0 && char === '}' && templates[templates.length - 1]!-- === 0) {
        templates.pop();
        out += char;
        i++;
        template();
        continue;
      }
      out += char;
      i++;
    }
  }
  return out;
}

const IMPORTS = [
  // import x, { y } from 'z'; import type …; export * from 'z'; export { y } from 'z'
  /\b(?:import|export)\b(?!\s*[.(])[^'";=()]*?\bfrom\s*(['"])([^'"\n]*)\1/g,
  // import 'z'
  /\bimport\s*(['"])([^'"\n]*)\1/g,
  // import('z'), typeof import('z'), require('z'), import.meta.resolve('z'), process.getBuiltinModule('z')
  /\b(?:import|require|require\.resolve|import\.meta\.resolve|getBuiltinModule)\s*\(\s*(['"])([^'"\n]*)\1/g,
  // createRequire(…)('z')
  /\bcreateRequire\s*\([^)]*\)\s*\(\s*(['"])([^'"\n]*)\1/g,
];

export function scanSource(source: string): ScannedSource {
  const withTexts = blankOut(source, true);
  const imports: ScannedSource['imports'] = [];
  for (const pattern of IMPORTS) {
    for (const match of withTexts.matchAll(pattern)) {
      const end = match.index + match[0].length;
      imports.push({ specifier: match[2]!, line: withTexts.slice(0, end).split('\n').length });
    }
  }
  return { imports: imports.sort((a, b) => a.line - b.line), code: blankOut(source, false) };
}
