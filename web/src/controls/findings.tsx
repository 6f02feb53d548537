/** Findings: a quiet count in the bar, and the list that it opens. */

import { useRef } from 'preact/hooks';
import type { Finding } from '../api-types.js';
import { usePage, useTexts } from '../context.js';

export function Findings() {
  const page = usePage();
  const say = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const { value: findings } = page.findings;
  if (findings.length === 0) return null;
  const warned = findings.some(({ severity }) => severity === 'warning');
  return (
    <>
      <button
        type="button"
        class={`quiet findings-count ${warned ? 'warned' : ''}`}
        aria-haspopup="dialog"
        onClick={() => dialog.current?.showModal()}
      >
        {say('findings', { count: findings.length })}
      </button>
      <dialog
        ref={dialog}
        class="findings"
        aria-labelledby="findings-title"
        // Esc closes this, and not what lies below as well.
        onKeyDown={(event) => event.stopPropagation()}
        onClick={({ target }) => target === dialog.current && dialog.current?.close()}
      >
        <div class="inside">
          <div class="row">
            <h3 id="findings-title" class="grow">
              {say('findingsTitle')}
            </h3>
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              {say('close')}
            </button>
          </div>
          <p class="hint">{say('findingsHelp')}</p>
          <FindingLines findings={findings} />
        </div>
      </dialog>
    </>
  );
}

export function FindingLines({ findings }: { readonly findings: readonly Finding[] }) {
  const say = useTexts();
  return (
    <ul class="finding-lines">
      {findings.map(({ severity, message, object, file, line, field }) => (
        <li key={`${file}:${line} ${field} ${message}`}>
          <p class="row wrap">
            <span class={`verdict ${severity === 'warning' ? 'doubt' : ''}`}>{say(`finding_${severity}`)}</span>
            <b>{object}</b>
            <code>{field}</code>
          </p>
          <p>{message}</p>
          <small class="mono">{file.startsWith('request-') ? say('lineOf', { line }) : `${file}:${line}`}</small>
        </li>
      ))}
    </ul>
  );
}
