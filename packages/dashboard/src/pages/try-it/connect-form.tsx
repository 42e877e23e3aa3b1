import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Connection, ConnectionState } from '../../mqtt/connection.ts';
import { remember, type Settings } from '../../mqtt/settings.ts';
import { Card, Form } from '../../ui/card.tsx';
import { useLive } from '../../ui/changes.ts';
import { CheckField, SelectField, TextField } from '../../ui/fields.tsx';

const VERSIONS = [
  ['5', '5'],
  ['4', '3.1.1'],
] as const;

const PHASES: Readonly<Record<ConnectionState['phase'], string>> = {
  offline: 'Not connected',
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Connection lost',
  disconnecting: 'Disconnecting…',
};

export function ConnectForm({ connection, initial }: { connection: Connection; initial: Settings }): JSX.Element {
  const [settings, setSettings] = useState(initial);
  const { subscriptions } = connection;
  useLive(connection.live);
  useEffect(
    () => subscriptions.live.listen(() => remember({ settings, subscriptions: subscriptions.list() })),
    [settings, subscriptions],
  );
  useEffect(() => remember({ settings, subscriptions: subscriptions.list() }), [settings, subscriptions]);

  const { phase } = connection.state;
  const offline = phase === 'offline';
  const act = (): void => void (offline ? connection.connect(settings) : connection.disconnect());
  return (
    <Card title="Connection" aside={<PhaseBadge phase={phase} />}>
      <Form onSubmit={act}>
        <div class="row">
          <TextField
            label="Address"
            type="url"
            value={settings.url}
            readOnly={!offline}
            onValue={(url) => setSettings({ ...settings, url })}
          />
          <button type="submit" class={offline ? 'primary' : ''} disabled={phase === 'disconnecting'}>
            {offline ? 'Connect' : phase === 'connecting' ? 'Cancel' : 'Disconnect'}
          </button>
        </div>
        <StateLine state={connection.state} />
        <details>
          <summary>Client id, credentials, version, session</summary>
          <MoreFields settings={settings} onChange={setSettings} locked={!offline} />
        </details>
      </Form>
    </Card>
  );
}

interface FieldsProps {
  readonly settings: Settings;
  readonly onChange: (settings: Settings) => void;
  /** While a connection uses them. Texts stay readable and can be copied. */
  readonly locked: boolean;
}

function MoreFields({ settings, onChange, locked }: FieldsProps): JSX.Element {
  const change = (part: Partial<Settings>): void => onChange({ ...settings, ...part });
  const { clientId, userName, password, protocolVersion, keepSession } = settings;
  return (
    <div class="fields">
      <TextField label="Client id" value={clientId} readOnly={locked} onValue={(clientId) => change({ clientId })} />
      <SelectField
        label="MQTT version"
        value={String(protocolVersion) as '4' | '5'}
        options={VERSIONS}
        disabled={locked}
        onValue={(text) => change({ protocolVersion: Number(text) as 4 | 5 })}
      />
      <TextField
        label="User name"
        value={userName}
        readOnly={locked}
        autocomplete="username"
        onValue={(userName) => change({ userName })}
      />
      <TextField
        label="Password"
        type="password"
        value={password}
        readOnly={locked}
        autocomplete="current-password"
        onValue={(password) => change({ password })}
      />
      <CheckField
        label="Keep the session for an hour"
        checked={keepSession}
        disabled={locked}
        onValue={(keepSession) => change({ keepSession })}
      />
    </div>
  );
}

const PhaseBadge = ({ phase }: Pick<ConnectionState, 'phase'>): JSX.Element => (
  <span class={`badge ${phase}`}>{PHASES[phase]}</span>
);

/** Both lines are always there, so that a screen reader watches them from the beginning and nothing moves. */
function StateLine({ state }: { readonly state: ConnectionState }): JSX.Element {
  return (
    <div class="state-line">
      <p role="status">{state.problem === null ? stateText(state) : ''}</p>
      <p role="alert" class="problem">
        {state.problem}
      </p>
    </div>
  );
}

function stateText({ phase, clientId, sessionPresent }: ConnectionState): string {
  if (phase !== 'connected') return `${PHASES[phase]}${phase.endsWith('ing') ? '' : '.'}`;
  const session = sessionPresent ? 'Its session was still there.' : 'Its session is new.';
  return `Connected as ${clientId === '' ? 'a client without a name' : clientId}. ${session}`;
}
