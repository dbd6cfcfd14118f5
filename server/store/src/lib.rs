//! wip
mod cache;
mod entity;
