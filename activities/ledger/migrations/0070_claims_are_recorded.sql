-- Claims are taken where the act that claims is recorded, in the same transaction: of two at once one has an id.

-- migrate:up

-- Claims ids for a contact's side, and the contact's own. What it returns another side has; whoever calls it undoes all
-- then. A contact has the side of whoever claimed it first, and none of "apart" may be of the same: in one accord a side
-- stands behind one party.
create function claim_delegates(contact text, ids text[], apart text[], in_accord text)
returns table (delegate text, claimed_by text) language plpgsql as $$
#variable_conflict use_column
declare
    side text;
begin
    -- Waits for whoever is claiming it right now, and is told then what came of that: each statement sees anew.
    insert into delegate_claims (delegate, claimed_by, accord) values (contact, contact, in_accord) on conflict do nothing;
    select c.claimed_by into strict side from delegate_claims c where c.delegate = contact;
    insert into delegate_claims (delegate, claimed_by, accord)
    select one, side, in_accord from unnest(ids) one order by one collate "C" on conflict do nothing;
    return query
        select c.delegate, c.claimed_by from delegate_claims c where c.delegate = any (ids) and c.claimed_by <> side
        union
        select contact, side from unnest(apart) other left join delegate_claims c on c.delegate = other
        where coalesce(c.claimed_by, other) = side;
end
$$;

grant select, insert on delegate_claims to entente_writer;
grant execute on function claim_delegates to entente_writer;
-- The API of before claims by itself, and goes on with that until it is replaced; the present one only looks.

-- migrate:down

revoke select, insert on delegate_claims from entente_writer;
drop function claim_delegates(text, text[], text[], text);
