import { topicNameProblem } from '@plexus/protocol';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Connection } from '../../mqtt/connection.ts';
import { ANY_TOPIC, inPlainWords } from '../../mqtt/limits.ts';
import type { Qos } from '../../mqtt/subscription.ts';
import { Card, Form } from '../../ui/card.tsx';
import { CheckField, TextArea, TextField } from '../../ui/fields.tsx';
import { QosField } from '../../ui/qos-field.tsx';

interface Outcome {
  readonly text: string;
  readonly good: boolean;
}

export function PublishForm({ connection }: { readonly connection: Connection }): JSX.Element {
  const [topic, setTopic] = useState('demo/hello');
  const [payload, setPayload] = useState('hello, world');
  const [qos, setQos] = useState<Qos>(0);
  const [retain, setRetain] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);

  const publish = async (): Promise<void> => {
    const wrong = topicNameProblem(topic, ANY_TOPIC);
    setProblem(wrong === null ? null : `The topic ${inPlainWords(wrong)}.`);
    if (wrong !== null) return setOutcome(null);
    setOutcome({ text: 'Publishing…', good: true });
    try {
      setOutcome({ text: await connection.publish({ topic, payload, qos, retain }), good: true });
    } catch (error) {
      setOutcome({ text: (error as Error).message, good: false });
    }
  };
  return (
    <Card title="Publish">
      <Form onSubmit={() => void publish()}>
        <div class="row">
          <TextField label="Topic" value={topic} onValue={setTopic} problem={problem} />
          <QosField value={qos} onValue={setQos} />
        </div>
        <TextArea label="Payload" rows={3} value={payload} onValue={setPayload} />
        <div class="actions">
          <button type="submit">Publish</button>
          <CheckField label="Retain" checked={retain} onValue={setRetain} />
        </div>
        <p role="status" class={outcome?.good === false ? 'outcome problem' : 'outcome note'}>
          {outcome?.text}
        </p>
      </Form>
    </Card>
  );
}
