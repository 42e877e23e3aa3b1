/** Vite gives an imported picture as its address. */
declare module '*.svg' {
  const url: string;
  export default url;
}
