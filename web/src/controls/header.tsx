/** The bar on top: which cluster, its clock, the connection, how the page looks. */

import { usePage, useTexts } from '../context.js';
import { Icon } from '../icons.js';
import type { Language } from '../texts/language.js';
import { ClockControls } from './clock.js';
import { Findings } from './findings.js';

const LOAD_ANOTHER = '+';
const LANGUAGES: readonly (readonly [language: Language, name: string])[] = [
  ['en', 'English'],
  ['zh', '简体中文'],
];

export function Header() {
  const page = usePage();
  return (
    <header class="bar">
      <a class="brand" href="#/" onClick={() => (page.current.value = undefined)}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M7 22h5l3-12 4 14 3-8h3" />
        </svg>
        podwire
      </a>
      <ClusterChoice />
      {page.current.value !== undefined && <ClockControls />}
      <span class="space" />
      {page.current.value !== undefined && <Findings />}
      {page.current.value !== undefined && <Connection />}
      <Looks />
    </header>
  );
}

function ClusterChoice() {
  const page = usePage();
  const say = useTexts();
  const clusters = page.clusters.value ?? [];
  if (clusters.length === 0) return null;
  const onChange = ({ currentTarget: { value } }: { currentTarget: HTMLSelectElement }): void => {
    if (value === LOAD_ANOTHER) page.current.value = undefined;
    page.go(value === LOAD_ANOTHER ? {} : { cluster: value });
  };
  return (
    <label class="field quiet">
      <span class="unseen">{say('clusters')}</span>
      <select value={page.current.value ?? LOAD_ANOTHER} onChange={onChange}>
        {clusters.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
        <option value={LOAD_ANOTHER}>{say('newCluster')}</option>
      </select>
    </label>
  );
}

function Connection() {
  const page = usePage();
  const say = useTexts();
  const { value: state } = page.live.connection;
  const text = state === 'open' ? 'live' : state === 'connecting' ? 'connecting' : 'lost';
  return (
    <span class={`connection ${state}`} role="status">
      <i />
      {say(text)}
    </span>
  );
}

function Looks() {
  const page = usePage();
  const say = useTexts();
  const dark = page.theme.value === 'dark';
  return (
    <>
      <label class="field quiet looks">
        <span class="unseen">{say('language')}</span>
        <select
          value={page.language.value}
          onChange={({ currentTarget: { value } }) => (page.language.value = value as Language)}
        >
          {LANGUAGES.map(([language, name]) => (
            <option key={language} value={language}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="quiet icon looks"
        title={say('themeSwitch')}
        aria-label={say('themeSwitch')}
        onClick={() => (page.theme.value = dark ? 'light' : 'dark')}
      >
        <Icon name={dark ? 'light' : 'dark'} />
      </button>
      <a class="quiet link" href="/api/v1/reference" target="_blank" rel="noreferrer">
        {say('reference')}
      </a>
    </>
  );
}
