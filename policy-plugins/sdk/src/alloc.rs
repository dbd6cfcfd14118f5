//! The allocator of a module: it only ever hands out, because the whole instance is thrown away
//! after one batch. It makes a decision about a third cheaper, and `memory.grow` rare: the link
//! arguments of `build.sh` give every module half a mebibyte from the start.
//!
//! This is the only unsafe code of the SDK; it exists in WebAssembly builds alone.

#![expect(unsafe_code, reason = "a global allocator cannot be written without unsafe code")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr;

const PAGE: usize = 64 * 1024;

struct Bump {
    /// First free address; 0 before the first use.
    next: Cell<usize>,
    /// First address behind the memory; 0 before the first use.
    end: Cell<usize>,
}

// SAFETY: the server gives modules no threads: the target has no atomics and the server's engine
// refuses shared memories, so no two threads ever see the cells.
unsafe impl Sync for Bump {}

#[global_allocator]
static BUMP: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };

unsafe extern "C" {
    /// Set by the linker to the first address behind data and stack.
    static __heap_base: u8;
}

impl Bump {
    /// Moves the end of the memory so that `upto` is inside. `None` when the server says no.
    fn grow(&self, upto: usize) -> Option<()> {
        let missing = upto.checked_sub(self.end.get())?;
        let pages = missing.div_ceil(PAGE);
        if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            return None;
        }
        self.end.set(self.end.get() + pages * PAGE);
        Some(())
    }

    fn take(&self, layout: Layout) -> Option<usize> {
        if self.next.get() == 0 {
            self.next.set(&raw const __heap_base as usize);
            self.end.set(core::arch::wasm32::memory_size(0) * PAGE);
        }
        let start = self.next.get().checked_next_multiple_of(layout.align())?;
        let behind = start.checked_add(layout.size())?;
        if behind > self.end.get() {
            self.grow(behind)?;
        }
        self.next.set(behind);
        Some(start)
    }
}

// SAFETY: `take` gives out ranges between `__heap_base` and the end of the memory, aligned as
// asked, and never a byte that is in use: `next` goes back only where `realloc` shortens the last
// range, and what it cuts off is no longer anybody's. Nothing in here can panic: additions are
// checked, or bounded by the size of the memory.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout).map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    unsafe fn dealloc(&self, _ptr: *mut u8, _layout: Layout) {}

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let start = old as usize;
        // The last range is resized where it is; strings and vectors under construction are this case.
        if start + layout.size() == self.next.get() {
            let Some(behind) = start.checked_add(new_size) else {
                return ptr::null_mut();
            };
            if behind > self.end.get() && self.grow(behind).is_none() {
                return ptr::null_mut();
            }
            self.next.set(behind);
            return old;
        }
        // SAFETY: the caller of `realloc` promises that `new_size` with this alignment is a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: `wanted` is not empty, by the same promise.
        let new = unsafe { self.alloc(wanted) };
        if !new.is_null() {
            // SAFETY: both ranges are at least this long, and a fresh one overlaps none.
            unsafe { ptr::copy_nonoverlapping(old, new, layout.size().min(new_size)) };
        }
        new
    }
}
