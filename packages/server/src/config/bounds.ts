/** Units, and bounds that many options share. */
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

const MAX_DELAY_MS = 2 ** 31 - 1;
export const PORT = { min: 0, max: 65_535 };
export const BYTES = { unit: 'bytes', max: Number.MAX_SAFE_INTEGER } as const;
export const MS = { unit: 'ms', min: 1, max: MAX_DELAY_MS } as const;
export const COUNT = { min: 1, max: 2 ** 31 - 1 };

export const notEmpty = (value: string | null): string | null => (value === '' ? 'a text that is not empty' : null);
