;; Answers with whatever bytes its settings spell: two letters from a to p for each byte, in quotation marks. They
;; are put at 0x20000, which is what is handed back; so every answer that a module can give in 64 KiB of memory is one
;; that the bytes of a fuzzer give, without compiling anything again.
(module
  (func $spell (param $at i32) (param $length i32)
    (local $i i32)
    ;; Behind the first quotation mark, and in front of the last.
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $length (i32.shr_u (i32.sub (local.get $length) (i32.const 2)) (i32.const 1)))
    (if (i32.gt_u (local.get $length) (i32.const 0x10000)) (then (unreachable)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (i32.store8 offset=0x20000 (local.get $i)
          (i32.or
            (i32.shl
              (i32.sub (i32.load8_u (i32.add (local.get $at) (i32.shl (local.get $i) (i32.const 1)))) (i32.const 97))
              (i32.const 4))
            (i32.sub (i32.load8_u offset=1 (i32.add (local.get $at) (i32.shl (local.get $i) (i32.const 1)))) (i32.const 97))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))
  (func (export "strongroom:policy/guard@1.0.0#validate-settings") (param i32 i32) (result i32)
    (call $spell (local.get 0) (local.get 1))
    (i32.const 0x20000))
  (func (export "strongroom:policy/guard@1.0.0#decide") (param i32 i32 i32 i32) (result i32)
    (call $spell (local.get 2) (local.get 3))
    (i32.const 0x20000)))
