%% A gateway whose Diameter is Erlang/OTP's: it turns text from standard input into requests, and what the answers say
%% into text on standard output. Nothing of the protocol is decided here. gy.dia is its dictionary.
%%
%% A request is "CCR" and its AVPs, one a line, members of a group two spaces deeper than the group, then a line with a
%% full stop:
%%
%%   Rating-Group 10          Unsigned32 and the other numbers; Time in seconds since 1900
%%   Session-Id "text"        everything else
%%   Requested-Service-Unit   a group
%%
%% The answer comes in the same form, AVPs in the order of the wire, after the CEA, which is the first one. A line
%% that begins with "error" is what the library found wrong with it. "request" asks for the first request of the server that
%% has not been shown yet; it has its answer by then. "watchdog" asks for the first DWA, "down" for the
%% end of the connection by the server. At the end of its input the gateway leaves by DPR.
-module(gateway).

-include_lib("diameter/include/diameter.hrl").

-export([main/0, watchdog_ms/0]).
-export([peer_up/3, peer_down/3, pick_peer/4, prepare_request/3, prepare_retransmit/3,
         handle_answer/4, handle_error/4, handle_request/3]).

-define(SERVICE, ?MODULE).
-define(BASE, diameter_gen_base_rfc6733).

%% How long the server may take for anything, in milliseconds.
-define(PATIENCE, 20000).

%% Seconds from the year 0 of calendar to the epoch of Time, 1900.
-define(EPOCH, 59958230400).

main() ->
    true = register(?MODULE, self()),
    [Port, Host, Realm] = init:get_plain_arguments(),
    ok = diameter:start(),
    true = diameter:subscribe(?SERVICE),
    ok = diameter:start_service(?SERVICE, service(Host, Realm)),
    {ok, _} = diameter:add_transport(?SERVICE, transport(list_to_integer(Port))),
    print(await(fun({up, _, _, _, #diameter_packet{} = CEA}) -> {ok, text(CEA, ?BASE)};
                   ({closed, _, Reason, _}) -> {ok, failure(Reason)};
                   (_) -> other
                end)),
    serve(read()),
    ok = diameter:stop_service(?SERVICE),
    init:stop().

service(Host, Realm) ->
    [{'Origin-Host', Host},
     {'Origin-Realm', Realm},
     {'Host-IP-Address', [{127, 0, 0, 1}]},
     {'Vendor-Id', 193},
     {'Product-Name', "Erlang/OTP"},
     {'Origin-State-Id', diameter:origin_state_id()},
     {'Supported-Vendor-Id', [gy:vendor_id()]},
     {'Auth-Application-Id', [gy:id()]},
     {string_decode, false},
     {strict_mbit, true},
     {decode_format, map},
     {application, [{alias, gy}, {dictionary, gy}, {module, ?MODULE}, {answer_errors, callback}]}].

transport(Port) ->
    {connect, [{transport_module, diameter_tcp},
               {transport_config, [{raddr, {127, 0, 0, 1}}, {rport, Port}, {ip, {127, 0, 0, 1}}]},
               {watchdog_timer, {?MODULE, watchdog_ms, []}},
               %% A lost connection is to be seen, not mended.
               {connect_timer, 3600000}]}.

%% RFC 3539 allows 6 s at least; a test of it need not take as long.
watchdog_ms() -> 300.

%% Text to requests

serve(eof) -> ok;
serve(["watchdog" | _]) ->
    answered_watchdogs(?PATIENCE),
    print(["DWA\n"]),
    serve(read());
serve(["request" | _]) ->
    print(receive {request, Text} -> Text after ?PATIENCE -> failure(timeout) end),
    serve(read());
serve(["down" | _]) ->
    print(await(fun({down, _, _, _}) -> {ok, ["down\n"]}; (_) -> other end)),
    serve(read());
serve(["CCR" | Lines]) ->
    {AVPs, []} = members(0, 'CCR', Lines),
    print(diameter:call(?SERVICE, gy, ['CCR' | AVPs], [{timeout, ?PATIENCE}])),
    serve(read()).

%% Lines up to the full stop.
read() ->
    case io:get_line("") of
        eof -> eof;
        ".\n" -> [];
        Line -> [string:trim(Line, trailing, "\n") | read()]
    end.

members(Depth, Group, Lines) -> members(Depth, Group, Lines, #{}).

members(_, _, [], AVPs) -> {AVPs, []};
members(Depth, Group, [Line | Rest] = Lines, AVPs) ->
    case string:span(Line, " ") div 2 of
        Depth ->
            {Name, Value, Behind} = member(Depth, string:trim(Line), Rest),
            members(Depth, Group, Behind, add(gy:avp_arity(Group, Name), Name, Value, AVPs));
        Less when Less < Depth -> {AVPs, Lines}
    end.

member(Depth, Text, Rest) ->
    case string:split(Text, " ") of
        [Name, Value] -> {list_to_existing_atom(Name), value(Name, Value), Rest};
        [Name] ->
            Group = list_to_existing_atom(Name),
            {Members, Behind} = members(Depth + 1, Group, Rest),
            {Group, Members, Behind}
    end.

value(_, [$" | Text]) -> list_to_binary(lists:droplast(Text));
value("Event-Timestamp", Seconds) -> calendar:gregorian_seconds_to_datetime(list_to_integer(Seconds) + ?EPOCH);
value(_, Number) -> list_to_integer(Number).

%% AVPs that may be absent or repeated are lists.
add(1, Name, Value, AVPs) -> AVPs#{Name => Value};
add(_, Name, Value, AVPs) -> maps:update_with(Name, fun(Before) -> Before ++ [Value] end, [Value], AVPs).

%% Answers to text

print(Text) -> io:put_chars([Text, ".\n"]).

failure(Reason) -> io_lib:format("error ~0p~n", [Reason]).

text(#diameter_packet{header = Header, avps = AVPs, errors = Errors}, Dict) ->
    [command(Header), [avp(0, A, Dict) || A <- AVPs], [failure(E) || E <- Errors]].

command(#diameter_header{cmd_code = Code, is_proxiable = P, is_error = E, is_retransmitted = T, is_request = R}) ->
    Name = case {Code, R} of {257, false} -> "CEA"; {272, false} -> "CCA"; {258, true} -> "RAR" end,
    [Name, [" P" || P], [" E" || E], [" T" || T], $\n].

avp(Depth, [#diameter_avp{} = Group | Members], Dict) ->
    [label(Depth, Group, Dict), $\n, [avp(Depth + 1, M, Dict) || M <- Members]];
avp(Depth, #diameter_avp{type = 'Grouped', value = #{}} = A, Dict) ->
    [label(Depth, A, Dict), $\n];
avp(Depth, #diameter_avp{value = Value} = A, Dict) when is_integer(Value) ->
    [label(Depth, A, Dict), " ", integer_to_list(Value), $\n];
avp(Depth, #diameter_avp{data = Data} = A, Dict) ->
    Printable = lists:all(fun(C) -> C >= $\s andalso C < $\d end, binary_to_list(Data)),
    [label(Depth, A, Dict), " ",
     case Printable of
         true -> [$", Data, $"];
         false -> ["0x", string:lowercase(binary:encode_hex(Data))]
     end, $\n].

label(Depth, #diameter_avp{name = undefined, code = Code, vendor_id = Vendor}, _) ->
    [lists:duplicate(2 * Depth, $\s), io_lib:format("error unknown AVP ~p of vendor ~p", [Code, Vendor])];
label(Depth, #diameter_avp{name = Name, is_mandatory = M, need_encryption = P}, Dict) ->
    {_, Flags, _} = Dict:avp_header(Name),
    Wrong = P orelse M =/= (Flags band 16#40 =/= 0),
    [lists:duplicate(2 * Depth, $\s), ["error flags of " || Wrong], atom_to_list(Name)].

%% Events

await(Found) ->
    receive
        #diameter_event{info = Info} ->
            case Found(Info) of
                {ok, Text} -> Text;
                other -> await(Found)
            end
    after ?PATIENCE -> failure(timeout)
    end.

answered_watchdogs(Left) when Left > 0 ->
    Counts = lists:append([C || {_, C} <- diameter:service_info(?SERVICE, statistics)]),
    case [N || {{{0, 280, 0}, recv}, N} <- Counts, N > 0] of
        [] -> receive after 50 -> answered_watchdogs(Left - 50) end;
        _ -> ok
    end.

%% Callbacks of diameter_app

peer_up(_, _, State) -> State.
peer_down(_, _, State) -> State.
pick_peer([Peer | _], _, _, _) -> {ok, Peer};
pick_peer([], _, _, _) -> false.
prepare_request(#diameter_packet{msg = Message}, _, _) -> {send, Message}.
prepare_retransmit(Packet, _, _) -> {send, Packet}.
handle_answer(Packet, _, _, _) -> text(Packet, gy).
handle_error(Reason, _, _, _) -> failure(Reason).
%% A Credit-Control-Request follows, so that the result is DIAMETER_LIMITED_SUCCESS.
handle_request(#diameter_packet{msg = ['RAR' | #{'Session-Id' := Session}]} = Packet, _, {_, Caps}) ->
    #diameter_caps{origin_host = {Host, _}, origin_realm = {Realm, _}} = Caps,
    ?MODULE ! {request, text(Packet, gy)},
    {reply, ['RAA' | #{'Session-Id' => Session, 'Result-Code' => 2002, 'Origin-Host' => Host, 'Origin-Realm' => Realm}]};
handle_request(_, _, _) -> {protocol_error, 3001}.
