/** The addresses that `curl` and `wget` are given: `web`, `http://web:8080/path?query`. */

export interface Url {
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export function parseUrl(text: string): Url | undefined {
  const [, scheme = 'http', host = '', port, path = ''] =
    /^(?:([a-z]+):\/\/)?([^/:?#]+)(?::(\d+))?([/?].*)?$/i.exec(text) ?? [];
  if (host === '') return undefined;
  const usual = scheme === 'https' ? 443 : 80;
  return {
    text,
    scheme,
    host,
    port: port === undefined ? usual : Number(port),
    path: path === '' ? '/' : path.startsWith('?') ? `/${path}` : path,
  };
}
