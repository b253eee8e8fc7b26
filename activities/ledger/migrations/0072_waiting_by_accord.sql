-- What waits on somebody is read from the indexes alone: in one accord, whoever else is waited for there, and by due date
-- over all of them. Both are built anew under the table's lock, which takes some seconds for 100,000 accords; acts wait.

-- migrate:up

alter table waiting
    drop constraint waiting_pkey, add constraint waiting_pkey primary key (accord, who, key) include (due, kind);
drop index waiting_who;
create index waiting_who on waiting (who, due, accord, key) include (kind);

-- migrate:down

alter table waiting drop constraint waiting_pkey, add constraint waiting_pkey primary key (accord, key, who);
drop index waiting_who;
create index waiting_who on waiting (who, due, accord, key);
