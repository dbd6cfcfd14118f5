### server/http/src/dashboard/policies/upload.rs

policies-upload-choose-the-module-a-file = Choose the module: a file NAME.wasm.
policies-upload-it-is-larger-than-the = It is larger than the 4 MiB that a policy module may have.
policies-upload-it-is-no-signature-name = It is no signature: NAME.wasm.sig, as strongroom policy sign writes it, has 64 bytes.
policies-upload-module = Module
policies-upload-a-webassembly-component-of-at = A WebAssembly component of at most 4 MiB, as strongroom policy build makes it.
policies-upload-signature = Signature
policies-upload-name-wasm-sig-if-there = NAME.wasm.sig, if there is one. The configuration may demand it.
policies-upload-upload = Upload
policies-upload-it-is-compiled-in-a = It is compiled in a process of its own and asked what it is. What does not pass changes nothing; what passes decides nothing until it is attached.
policies-upload-begin-a-module-of-your = Begin a module of your own
policies-upload-upload-a-policy-module = Upload a policy module
