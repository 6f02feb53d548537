/** Signs on buttons, drawn so that no font has to have them. */

const PATHS = {
  run: 'M4 2.5v11l9-5.5z',
  pause: 'M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z',
  step: 'M3 2.5v11l7.5-5.5zM11 2.5h2.5v11H11z',
  light:
    'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM7.3.6h1.4v2H7.3zM7.3 13.4h1.4v2H7.3zM.6 7.3h2v1.4h-2zM13.4 7.3h2v1.4h-2zM2.3 3.3l1-1 1.4 1.4-1 1zM11.3 12.3l1-1 1.4 1.4-1 1zM2.3 12.7l1.4-1.4 1 1-1.4 1.4zM11.3 3.7l1.4-1.4 1 1-1.4 1.4z',
  dark: 'M9.6 1.6a6.5 6.5 0 1 0 4.8 9.3A5.6 5.6 0 0 1 9.6 1.6z',
  swap: 'M11 2l4 3.2-4 3.2V6.2H2V4.2h9zM5 8.4v2h9v2H5v2.2L1 11.4z',
  all: 'M1.5 1.5h5v1.6H3.1v3.4H1.5zM9.5 1.5h5v5h-1.6V3.1H9.5zM1.5 9.5h1.6v3.4h3.4v1.6h-5zM12.9 9.5h1.6v5h-5v-1.6h3.4z',
} as const;

export const Icon = ({ name }: { readonly name: keyof typeof PATHS }) => (
  <svg viewBox="0 0 16 16" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
