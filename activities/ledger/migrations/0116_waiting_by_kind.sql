-- What waits on somebody, of each kind by its due date: one kind is read without going through the others.

-- migrate:up transaction:false

create index concurrently waiting_kind on waiting (who, kind, due, accord, key) include (sure);

-- migrate:down transaction:false

drop index concurrently waiting_kind;
