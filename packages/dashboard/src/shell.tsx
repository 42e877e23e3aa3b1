import type { ComponentChildren, JSX } from 'preact';
import iconUrl from './icon.svg';

/** What every page has around it. */
export function Shell({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <>
      <header class="masthead">
        <a class="brand" href="/">
          <img src={iconUrl} alt="" width={28} height={28} />
          Plexus
        </a>
        <nav aria-label="This node">
          <a href="/openapi.json">API</a>
          <a href="/metrics">Metrics</a>
        </nav>
      </header>
      <main>{children}</main>
    </>
  );
}
