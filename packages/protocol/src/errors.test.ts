import { describe, expect, it } from 'vitest';
import { CLOSE_REASONS } from './close-reasons.ts';
import { ERRORS, PlexusError } from './errors.ts';

describe('the error table', () => {
  it('fills the placeholders of a message with the details', () => {
    const error = new PlexusError('client_not_found', { realm: 'default', clientId: 'a b' });
    expect(error.message).toBe('No client a b is connected in realm default');
  });

  it('leaves a placeholder alone whose detail is missing, and does not read details as templates', () => {
    expect(new PlexusError('bad_request').message).toBe('Bad request: {reason}');
    expect(new PlexusError('bad_request', { reason: '{reason} $& {x}' }).message).toBe('Bad request: {reason} $& {x}');
  });

  it('leaves out a part in brackets whose detail is null or missing, and shows 0', () => {
    const messageOf = (more: Record<string, unknown>) =>
      new PlexusError('store_damaged', { file: '[a].db', problem: '[b]', ...more }).message;
    expect(messageOf({ position: 0 })).toMatch(/^\[a\]\.db is damaged \(\[b\], position 0\); put a backup/);
    for (const more of [{}, { position: null }]) {
      expect(messageOf(more)).toMatch(/^\[a\]\.db is damaged \(\[b\]\); put a backup/);
    }
  });

  it('gives the HTTP form, in which details cannot replace code and message', () => {
    const error = new PlexusError('bad_request', { reason: 'x', code: 'y', message: 'z' });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      error: { code: 'bad_request', message: 'Bad request: x', reason: 'x' },
    });
  });

  it('has codes in snake_case, HTTP statuses of errors, and MQTT reasons of failures', () => {
    for (const [code, spec] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(spec.httpStatus).toBeGreaterThanOrEqual(400);
      expect(spec.mqttReason ?? 0x80).toBeGreaterThanOrEqual(0x80);
    }
    for (const spec of Object.values(CLOSE_REASONS)) expect(spec.mqttReason ?? 0x80).toBeGreaterThanOrEqual(0x80);
  });
});
