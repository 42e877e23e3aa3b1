import { printable } from './io.ts';

/** An event as the HTTP API shows it. */
export interface ShownEvent {
  id: string;
  stream: string;
  version: number;
  position: number;
  type: string;
  contentType: string;
  data?: unknown;
  dataBase64?: string;
  time: string;
}

/** One line for a person. */
export function eventLine({ position, stream, version, type, time, contentType, ...event }: ShownEvent): string {
  const data = event.dataBase64 === undefined ? JSON.stringify(event.data) : `${contentType} ${event.dataBase64}`;
  return `${position}  ${time}  ${printable(stream)}@${version}  ${printable(type)}  ${printable(data)}\n`;
}
