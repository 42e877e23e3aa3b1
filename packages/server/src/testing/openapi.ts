import { Compile } from 'typebox/schema';

interface Operation {
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

export interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>;
}

/** One request and its answer, as they went over the wire. */
export interface Exchange {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  /** Absent: none. */
  readonly requestBody?: unknown;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}

/**
 * What the description says otherwise than the exchange was; empty: it tells the truth. Members that the
 * description does not have are untruths too.
 */
export function untruths({ paths }: OpenApi, exchange: Exchange): string[] {
  const { method, url, status, contentType = '', body } = exchange;
  const [path = '', search = ''] = url.split('?');
  const template = Object.keys(paths).find((one) => matches(one, path));
  const operation = template === undefined ? undefined : paths[template]![method.toLowerCase()];
  if (operation === undefined) return [`${method} ${path} is not described`];
  const where = `${method} ${template} ${status}`;
  const found: string[] = [];
  if (status < 400) {
    const known = new Set(operation.parameters?.filter((one) => one.in === 'query').map(({ name }) => name));
    for (const name of new URLSearchParams(search).keys()) {
      if (!known.has(name)) found.push(`${where}: the query member ${name} is not described`);
    }
    const schema = operation.requestBody?.content['application/json']?.schema;
    if (exchange.requestBody !== undefined) {
      found.push(
        ...(schema === undefined ? ['no body is described'] : problems(schema, exchange.requestBody)).map(
          (text) => `${where}, request: ${text}`,
        ),
      );
    }
  }
  const response = operation.responses[String(status)];
  if (response === undefined) return [...found, `${where} is not described`];
  const type = contentType.split(';')[0]!;
  if (response.content === undefined) return body === '' ? found : [...found, `${where}: a body is not described`];
  const content = response.content[type];
  if (content === undefined) return [...found, `${where}: ${type} is not described`];
  const value: unknown = type === 'application/json' ? JSON.parse(body) : body;
  return [...found, ...problems(content.schema, value).map((text) => `${where}: ${text}`)];
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return false;
  return wanted.every((part, i) => (part.startsWith('{') ? given[i] !== '' : part === given[i]));
}

function problems(schema: object, value: unknown): string[] {
  const [ok, errors] = Compile(closed(schema) as never).Errors(value);
  return ok ? [] : errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The same schema, with no members but those that it names. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isClosable = copy.type === 'object' && copy.properties !== undefined && !('additionalProperties' in copy);
  return isClosable ? { ...copy, additionalProperties: false } : copy;
}
