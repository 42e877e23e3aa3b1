import type { TopicLimits } from '@plexus/protocol';

/** What MQTT itself allows: what the server allows beyond that is the server’s to say. */
export const ANY_TOPIC: Readonly<TopicLimits> = { maxTopicBytes: 65_535, maxTopicLevels: 65_536 };

/** What is wrong with a topic, without the statements of the specification that say so. */
export const inPlainWords = (problem: string): string => problem.replaceAll(/ \[MQTT-[\d.-]+\]/g, '');
