import { PlexusError } from '@plexus/protocol';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

/**
 * Validates requests against TypeBox schemas. Query and path are text and are converted; a JSON body has types of its own
 * and is taken as it is. Unknown members are errors, as everywhere.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const converts = httpPart !== 'body' && !isOfTexts(schema);
  return (given: unknown) => {
    const value = converts ? Value.Convert(schema, given) : given;
    if (validator.Check(value)) return { value };
    const [first] = validator.Errors(value);
    const where = `${httpPart ?? 'request'}${first?.instancePath ?? ''}`;
    return { error: new PlexusError('bad_request', { reason: `${where} ${first?.message ?? 'is not valid'}` }) };
  };
};

/** Whether every member is a text, as the parts of a path are: then there is nothing to convert. */
function isOfTexts(schema: TSchema): boolean {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  return Object.values(properties).every(({ type }) => type === 'string');
}
