// esbuild hands a style sheet over as its text (see build.mjs).
declare module "*.css" {
  const text: string;
  export default text;
}
