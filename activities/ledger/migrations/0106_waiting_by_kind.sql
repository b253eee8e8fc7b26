-- What waits on somebody is counted from the index alone, and one kind of steps is read without going through the others.
-- It is built beside the acts; 0115 puts it in the place of the one before.

-- migrate:up transaction:false

create index concurrently if not exists waiting_by_kind on waiting (who, kind, due, accord, key) include (sure);

-- migrate:down transaction:false

drop index concurrently waiting_by_kind;
