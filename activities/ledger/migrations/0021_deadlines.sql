-- Every worker asks each minute which deadlines are late: among a hundred thousand accords they are found by this.

-- migrate:up transaction:false

create index concurrently accords_next_deadline on accords (next_deadline) where next_deadline is not null;

-- migrate:down transaction:false

drop index concurrently accords_next_deadline;
