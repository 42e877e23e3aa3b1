import { render } from 'preact';
import { loadMqtt } from './mqtt/connection.ts';
import { TryItPage } from './pages/try-it/try-it-page.tsx';
import { Shell } from './shell.tsx';

render(
  <Shell>
    <TryItPage />
  </Shell>,
  document.getElementById('app')!,
);

// What connecting will need arrives while the form is being read. A failure shows again, and is told, on connecting.
loadMqtt().catch(() => undefined);
