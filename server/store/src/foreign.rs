//! What makes a database do something else than it is told: triggers, views, rules and row policies. No
//! migration makes any, so whatever there is was made by somebody else. Members of PostgreSQL's extensions
//! are left aside.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Most that are named.
const MAX_NAMED: u32 = 20;

const SQLITE: &str =
    "SELECT type AS kind, name, tbl_name AS place FROM sqlite_master WHERE type IN ('trigger', 'view')";

/// Of every schema in which an unqualified name is looked for.
const POSTGRES: &str = "\
    SELECT kind, name, place FROM (\
      SELECT t.oid AS id, 'trigger' AS kind, t.tgname::text AS name, c.relname::text AS place, c.relnamespace AS schema \
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal \
      UNION ALL SELECT r.oid, 'rule', r.rulename::text, c.relname::text, c.relnamespace \
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind NOT IN ('v', 'm') \
      UNION ALL SELECT p.oid, 'row policy', p.polname::text, c.relname::text, c.relnamespace \
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
      UNION ALL SELECT c.oid, 'view', c.relname::text, c.relname::text, c.relnamespace \
        FROM pg_class c WHERE c.relkind IN ('v', 'm')\
    ) found JOIN pg_namespace n ON n.oid = found.schema \
    WHERE n.nspname = ANY (current_schemas(false)) \
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = found.id AND d.deptype = 'e')";

/// All of them, one text each, in order.
pub(crate) async fn foreign_objects(database: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let backend = database.get_database_backend();
    let query = if backend == DbBackend::Postgres { POSTGRES } else { SQLITE };
    let ordered = format!("{query} ORDER BY 1, 2, 3 LIMIT {MAX_NAMED}");
    let found = database.query_all_raw(Statement::from_string(backend, ordered)).await?;
    found
        .iter()
        .map(|row| {
            let text = |column: &str| row.try_get::<String>("", column);
            let (kind, name, place) = (text("kind")?, text("name")?, text("place")?);
            // Names of somebody else: nothing of them may reach a terminal as it is.
            Ok(if name == place { format!("{kind} {name:?}") } else { format!("{kind} {name:?} on {place:?}") })
        })
        .collect()
}
