/** Loads LiteRT.js' wasm: what its package imports from @litertjs/wasm-utils, for workers. */

/**
 * @param {new (module: object) => object} Library
 * @param {string} script address of the JavaScript that comes with the wasm
 */
export async function createWasmLib(Library, script) {
  self.importScripts(script);
  const module = await self.ModuleFactory(self.Module);
  self.ModuleFactory = undefined;
  self.Module = undefined;
  return new Library(module);
}
