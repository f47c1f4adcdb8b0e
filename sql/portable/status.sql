-- Where the session stands --------------------------------------------------------------------------------------------

create or replace function aal.aal_status() returns jsonb
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  current_level pg_catalog.text := aal.level_of(claims);
  standing pg_catalog.text;
  -- The level that the user can reach, the next step, and why there is none of them.
  status pg_catalog.text[];
  looked_up pg_catalog.record;
  live boolean;
begin
  if current_level is not null then
    looked_up := aal.look_up_enrollment();
    standing := current_level || case when aal.is_anonymous(claims) then ' anonymous' else '' end || ' ' || coalesce(looked_up.enrollment, 'unknown');
    looked_up := aal.look_up_session();
    live := case when aal.sessions_fault() is null then coalesce(looked_up.liveness = 'live', false) end;
  else
    standing := case
      when aal.claims_fault() is not null then 'invalid_claims'
      when claims is null or aal.are_nobodys(claims) then 'nobody'
      when aal.level_claim(claims) = 'guest' then 'guest'
      else 'no_level'
    end;
  end if;
  status := case standing
{%- for standing, status in statuses %}
    when '{{ standing }}' then {{ status }}
{%- endfor %}
  end;
  return pg_catalog.jsonb_build_object(
    'currentLevel', current_level,
    'nextLevel', status[1],
    'currentAuthenticationMethods', case when current_level is null then '[]' else coalesce(nullif(aal.claims() -> 'amr', 'null'), '[]') end,
    'action', status[2],
    'reason', status[3],
    'sessionIsLive', live);
end
$$;
