/** Asked for where the server wants a token. */

import { useSignal } from '@preact/signals';
import { usePage, useTexts } from '../context.js';

export function TokenForm() {
  const page = usePage();
  const say = useTexts();
  const token = useSignal('');
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    page.signIn(token.value);
  };
  return (
    <main class="welcome narrow">
      <h1>{say('tokenTitle')}</h1>
      <p>{say('tokenHelp')}</p>
      <form class="row" onSubmit={onSubmit}>
        <input
          type="password"
          aria-label={say('token')}
          autocomplete="off"
          aria-invalid={page.tokenRefused.value}
          value={token.value}
          onInput={({ currentTarget: { value } }) => (token.value = value)}
        />
        <button type="submit" class="primary">
          {say('signIn')}
        </button>
      </form>
      <p class="wrong" role="alert">
        {page.tokenRefused.value && say('tokenRefused')}
      </p>
    </main>
  );
}
