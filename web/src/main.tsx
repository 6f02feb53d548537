/** The page's start. */

import { render } from 'preact';
import { App } from './app.js';
import { PageContext } from './context.js';
import { PageState } from './state/page.js';
import './styles.css';

const page = new PageState();
const root = document.getElementById('app');
if (root === null) throw new Error('the document has no #app');
render(
  <PageContext.Provider value={page}>
    <App />
  </PageContext.Provider>,
  root,
);
void page.start();
