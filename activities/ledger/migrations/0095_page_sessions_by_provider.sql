-- Sessions of the pages that begin by signing in at an OpenID provider, which have no key.

-- migrate:up

alter table page_sessions
    add column issuer text,
    add column subject text,
    add constraint page_sessions_provider check ((issuer is null) = (subject is null)),
    add constraint page_sessions_begun_by check (key_id is null or issuer is null);
comment on column page_sessions.issuer is 'The OpenID provider that it was begun with, in place of a key.';
comment on column page_sessions.subject is 'Whom that provider knows; once that is another delegate or none, the session is over.';

-- migrate:down

delete from page_sessions where issuer is not null;
alter table page_sessions
    drop constraint page_sessions_begun_by,
    drop constraint page_sessions_provider,
    drop column issuer,
    drop column subject;
