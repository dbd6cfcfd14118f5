#![doc = include_str!("../README.md")]

mod asset;
mod chart;
mod csp;
mod dial;
pub mod messages;
mod pages;
mod panels;
mod parts;
mod render;
mod samples;
mod shell;
mod visible;

pub use asset::{ASSET_PREFIX, Asset, asset, asset_names};
pub use chart::{Bar, Chart, Mark};
pub use csp::{content_security_policy, content_security_policy_leading_to};
pub use pages::*;
pub use panels::{
    Act, Body, Cell, ChainLink, Choice, ColumnSort, Coming, Fact, Field, FieldKind, Form, Icon, Lane, Lanes, Order,
    Paging, Panel, Row, Snippet, Table, Tone,
};
pub use parts::{CSRF_FIELD, ItemState, Moment, PostForm, Standing, StatusLine, Tag};
pub use render::RenderError;
pub use samples::sample_pages;
pub use shell::{Account, Clock, Crumb, Door, Look, NavPage, NavVault, Section, Shell, Theme, Undo};
pub use visible::{deceives, is_figure, visible};
