// Package scope makes a row that is not the caller's not exist, whatever a query
// looks like. It is the suite's only package that imports gorm.
//
// Every model has a tenant column, an owner column or both (OWASP API1:2023, ASVS
// 8.2.2). [Owned] confines one statement to the principal's rows; the plugin
// [Guard] confines all of them, and refuses what it cannot confine. The predicate
// is put around the whole WHERE when the SQL is built, so no Or, group, inline
// condition, later scope or soft delete gets around it. New rows are stamped, owner
// and tenant never change, an upsert never touches another's row, and foreign keys
// only point to rows one may see.
//
// [Abort], [One] and [ParamID] answer for a handler: absent, somebody else's,
// malformed and dangling are one and the same 404.
//
// What Guard cannot see: statements through db.DB() or Statement.ConnPool, views,
// functions and triggers, SQL built at run time by the database, and text let
// through by AllowRaw or [System]. On PostgreSQL, [RLS] and [Tx] close these too.
package scope
