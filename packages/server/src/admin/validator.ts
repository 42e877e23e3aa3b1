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
  const isText = httpPart !== 'body';
  return (given: unknown) => {
    const value = isText ? Value.Convert(schema, given) : given;
    if (validator.Check(value)) return { value };
    const [first] = validator.Errors(value);
    const where = `${httpPart ?? 'request'}${first?.instancePath ?? ''}`;
    return { error: new PlexusError('bad_request', { reason: `${where} ${first?.message ?? 'is not valid'}` }) };
  };
};
