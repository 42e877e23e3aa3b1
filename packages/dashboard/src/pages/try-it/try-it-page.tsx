import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { Connection } from '../../mqtt/connection.ts';
import { MessageLog } from '../../mqtt/message-log.ts';
import { recall } from '../../mqtt/settings.ts';
import { Subscriptions } from '../../mqtt/subscriptions.ts';
import { ConnectForm } from './connect-form.tsx';
import { MessageList } from './message-list.tsx';
import { PublishForm } from './publish-form.tsx';
import { SubscriptionForm } from './subscription-form.tsx';

/** An MQTT client for a person: to see that a node works, and what it does. */
export function TryItPage(): JSX.Element {
  const { connection, log, settings } = useMemo(() => {
    const remembered = recall();
    const log = new MessageLog();
    const connection = new Connection(log, new Subscriptions(remembered.subscriptions));
    return { connection, log, settings: remembered.settings };
  }, []);

  return (
    <>
      <h1>Try it</h1>
      <div class="try-it">
        <div class="controls">
          <ConnectForm connection={connection} initial={settings} />
          <SubscriptionForm subscriptions={connection.subscriptions} />
          <PublishForm connection={connection} />
        </div>
        <MessageList log={log} />
      </div>
    </>
  );
}
