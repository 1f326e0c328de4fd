// One minified file per function, as the SAM and CDK constructs for Node bundle it, into target/bench/peers/typescript.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/webhook-receiver.ts', 'src/decline-intake.ts'],
  outdir: '../../../target/bench/peers/typescript',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  mainFields: ['module', 'main'],
  // Some dependencies are CommonJS and call `require` for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
