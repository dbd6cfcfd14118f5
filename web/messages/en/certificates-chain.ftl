### server/http/src/dashboard/certificates/chain.rs

certificates-chain-one-certificate-from-the-leaf = one certificate, from the leaf to the root
certificates-chain-count-certificates-from-the-leaf = { $count } certificates, from the leaf to the root
certificates-chain-chain = Chain
certificates-chain-not-of-the-chain = Not of the chain
certificates-chain-leaf-signed-by-itself = Leaf, signed by itself
certificates-chain-leaf = Leaf
certificates-chain-root = Root
certificates-chain-authority = Authority
certificates-chain-names = Names
certificates-chain-valid = Valid
certificates-chain-not-before-to-not-after = { $not_before } to { $not_after }
certificates-chain-key = Key
certificates-chain-key-signed-by-signature = { $key }, signed by { $signature }
certificates-chain-serial-number = Serial number
certificates-chain-whoever-does-not-have-it = Whoever does not have it cannot follow the chain. Roots are often left out on purpose.
certificates-chain-not-here = Not here
certificates-chain-ends-here = Ends here
certificates-chain-no-subject = (no subject)
