-- The language in which a person is told of what waits.

-- migrate:up

alter table notice_settings add column language text not null default 'en' check (language ~ '^[a-z]{2,3}$');
comment on column notice_settings.language is 'A BCP 47 language tag; messages are written in it where there is a catalogue of it.';

-- migrate:down

alter table notice_settings drop column language;
