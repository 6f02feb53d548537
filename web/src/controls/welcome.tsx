/** A page without a cluster: load one's own files, or a topology that comes with podwire. */

import { useSignal } from '@preact/signals';
import { usePage, useTexts } from '../context.js';
import type { Source } from '../state/api.js';
import type { PageState } from '../state/page.js';
import { formatRoute, type Route } from '../state/route.js';

/** Names of clusters: lower case letters, digits and "-". */
function clusterName(file: string): string {
  const name = file
    .toLowerCase()
    .replace(/\.(?:ya?ml|json)$/, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name.slice(0, 63) || 'cluster';
}

async function loadFiles(page: PageState, files: readonly File[]): Promise<void> {
  const [first] = files;
  if (first === undefined) return;
  const sources: Source[] = [];
  for (const file of files) sources.push({ file: file.name, text: await file.text() });
  const taken = new Set((page.clusters.value ?? []).map(({ name }) => name));
  const wanted = clusterName(first.name);
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}-${i}`;
  await page.load(name, sources);
}

export function Welcome() {
  const page = usePage();
  const say = useTexts();
  const { value: loading } = page.loading;
  const missing = page.missing.value !== undefined;
  if (
    loading !== undefined ||
    (!missing && (page.clusters.value === undefined || page.route.value.cluster !== undefined))
  )
    return <Waiting name={loading ?? page.route.value.cluster ?? 'podwire'} />;
  return (
    <main class="welcome">
      <Missing />
      <p class="eyebrow">{say('tagline')}</p>
      <h1>{say('welcomeTitle')}</h1>
      <p class="lead">{say('welcomeText')}</p>
      <DropZone />
      <h2>{say('welcomeTopologies')}</h2>
      <ul class="topologies">
        {page.scenarios.value.map(({ name, title, description }) => (
          <li key={name}>
            <button type="button" onClick={() => page.go({ scenario: name })}>
              <strong>{title}</strong>
              <span>
                <Marked text={description} />
              </span>
              <code class="own-name">{name}</code>
            </button>
          </li>
        ))}
      </ul>
    </main>
  );
}

/** A link led nowhere: what there is instead. */
function Missing() {
  const page = usePage();
  const say = useTexts();
  const { value: missing } = page.missing;
  if (missing === undefined) return null;
  const { kind, name } = missing;
  const routes: readonly Route[] =
    kind === 'cluster'
      ? (page.clusters.value ?? []).map((one) => ({ cluster: one.name }))
      : page.scenarios.value.map((one) => ({ scenario: one.name }));
  return (
    <section class="card missing" role="alert">
      <strong>{say(kind === 'cluster' ? 'noSuchCluster' : 'noSuchScenario', { name })}</strong>
      {routes.length > 0 && (
        <p class="row wrap">
          {say('thereAre')}
          {routes.map((route) => (
            <a key={formatRoute(route)} href={formatRoute(route)}>
              {route.cluster ?? route.scenario}
            </a>
          ))}
        </p>
      )}
    </section>
  );
}

function Waiting({ name }: { readonly name: string }) {
  const page = usePage();
  const say = useTexts();
  const failed = page.problem.value !== undefined;
  return (
    <main class="welcome narrow waiting" aria-busy={!failed}>
      {!failed && <i class="spinner" />}
      <p role="status">{failed ? '' : say('loadingCluster', { name })}</p>
      {failed && <a href="#/">{say('welcomeTopologies')}</a>}
    </main>
  );
}

function DropZone() {
  const page = usePage();
  const say = useTexts();
  const over = useSignal(false);
  const taken = (files: FileList | null | undefined): void => void loadFiles(page, [...(files ?? [])]);
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    over.value = false;
    taken(event.dataTransfer?.files);
  };
  const onDragOver = (event: DragEvent): void => {
    event.preventDefault();
    over.value = true;
  };
  return (
    <label
      class={`drop ${over.value ? 'over' : ''}`}
      onDrop={onDrop}
      onDragOver={onDragOver}
      onDragLeave={() => (over.value = false)}
    >
      <strong>{say('welcomeFiles')}</strong>
      <span>{say('welcomeDrop')}</span>
      <small>
        <Marked text={say('welcomeFilesHelp')} />
      </small>
      <input
        type="file"
        multiple
        accept=".yaml,.yml,.json"
        onChange={({ currentTarget }) => taken(currentTarget.files)}
      />
    </label>
  );
}

/** Text with `code` in it. */
function Marked({ text }: { readonly text: string }) {
  const parts = text.split('`');
  return <>{parts.map((part, i) => (i % 2 === 1 ? <code key={`${i}-${part}`}>{part}</code> : part))}</>;
}
