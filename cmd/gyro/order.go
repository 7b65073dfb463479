package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// Paths of the office's API.
const (
	ordersResource  = "/tmf-api/productOrderingManagement/v4/productOrder"
	cancelsResource = "/tmf-api/productOrderingManagement/v4/cancelProductOrder"
	ordersOffice    = "/office/v1/orders"
	falloutOffice   = "/office/v1/fallout"
	poolsOffice     = "/office/v1/pools"
)

// newOrderCommand builds "gyro order": product orders of a running office.
func newOrderCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "order", Short: "Product orders of a running office: place, list, show, cancel"}
	r := newOfficeRemote()
	r.flags(cmd)
	cmd.AddCommand(newOrderPlaceCommand(r), newOrderListCommand(r), newOrderShowCommand(r), newOrderCancelCommand(r))
	return cmd
}

// placed is the flags of gyro order place.
type placed struct {
	once
	account, external, start, by, when string
	add, characteristics               []string
	change, suspend, resume, end, on   string
}

func newOrderPlaceCommand(r *remote) *cobra.Command {
	p := &placed{}
	cmd := &cobra.Command{
		Use: "place", Short: "Order: a new line, an option, a change of plan, suspension, resumption, or an end", Args: cobra.NoArgs,
		Example: `  gyro order place --account 1 --add mobile-s --characteristic coupon=HALFYEAR
  gyro order place --account 1 --add data-boost --on 1
  gyro order place --account 1 --change 1=mobile-m --when cycle_end
  gyro order place --account 1 --suspend 1 --characteristic reason=theft
  gyro order place --account 1 --end 1`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := p.body()
			if err != nil {
				return err
			}
			return r.place(cmd, &p.once, body)
		},
	}
	p.once.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&p.account, "account", "", "billing account `id`")
	f.StringVar(&p.external, "external-id", "", "your own `name` of the order")
	f.StringVar(&p.start, "start", "", "`moment` at which it is to begin, such as 2026-12-01T00:00:00Z (default: at once; none in the past)")
	f.StringVar(&p.by, "by", "", "`moment` by which it is wanted to be done")
	f.StringVar(&p.when, "when", "", "when a change takes effect: now, cycle_end or a `moment`")
	f.StringArrayVar(&p.add, "add", nil, "`offer` to add, by name or id; may be repeated")
	f.StringVar(&p.on, "on", "", "`product` of the line that an option is for")
	f.StringVar(&p.change, "change", "", "change of plan: `product=offer`")
	f.StringVar(&p.suspend, "suspend", "", "`product` whose line is suspended")
	f.StringVar(&p.resume, "resume", "", "`product` whose line is resumed")
	f.StringVar(&p.end, "end", "", "`product` that ends; that of a line takes the line with it")
	f.StringArrayVar(&p.characteristics, "characteristic", nil, "`name=value` for every item, such as coupon=HALFYEAR or msisdn=491700000001; may be repeated")
	_ = cmd.MarkFlagRequired("account")
	return cmd
}

// place sends an order and prints what the office made of it; a rejected order is an error for the one who placed it.
func (r *remote) place(cmd *cobra.Command, m *once, body map[string]any) error {
	answer, err := r.callOnce(cmd, m, &client.Request{Method: client.Post, Path: ordersResource, Body: body})
	if err == nil {
		err = r.print(cmd.OutOrStdout(), answer)
	}
	if err != nil {
		return err
	}
	var order struct {
		ID, State string
		Note      []struct{ Text string }
	}
	if err := json.Unmarshal(answer, &order); err != nil {
		return err
	}
	if order.State != "rejected" {
		return nil
	}
	why := "no reason was given"
	if len(order.Note) > 0 {
		why = printable(order.Note[0].Text, "")
	}
	return fmt.Errorf("order %s is rejected: %s", order.ID, why)
}

// body is the document of the order.
func (p *placed) body() (map[string]any, error) {
	var characteristics []any
	for _, c := range p.characteristics {
		name, value, found := strings.Cut(c, "=")
		if !found {
			return nil, fmt.Errorf("--characteristic %q: write name=value", c)
		}
		characteristics = append(characteristics, map[string]any{"name": name, "value": value})
	}
	if p.when != "" {
		characteristics = append(characteristics, map[string]any{"name": "effective", "value": p.when})
	}
	var items []any
	item := func(action, offer string, product map[string]any) {
		if characteristics != nil {
			product["productCharacteristic"] = characteristics
		}
		v := map[string]any{"id": strconv.Itoa(len(items) + 1), "action": action, "product": product}
		if offer != "" {
			v["productOffering"] = map[string]any{"id": offer}
		}
		items = append(items, v)
	}
	for _, offer := range p.add {
		product := map[string]any{}
		if p.on != "" {
			product["productRelationship"] = []any{map[string]any{"relationshipType": "reliesOn", "product": map[string]any{"id": p.on}}}
		}
		item("add", offer, product)
	}
	if p.change != "" {
		product, offer, found := strings.Cut(p.change, "=")
		if !found {
			return nil, fmt.Errorf("--change %q: write product=offer", p.change)
		}
		item("modify", offer, map[string]any{"id": product})
	}
	for _, s := range []struct{ product, status string }{{p.suspend, "suspended"}, {p.resume, "active"}} {
		if s.product != "" {
			item("modify", "", map[string]any{"id": s.product, "status": s.status})
		}
	}
	if p.end != "" {
		item("delete", "", map[string]any{"id": p.end})
	}
	if len(items) == 0 {
		return nil, errors.New("say what is ordered, with --add, --change, --suspend, --resume or --end")
	}
	body := map[string]any{"billingAccount": map[string]any{"id": p.account}, "productOrderItem": items}
	for name, value := range stated(map[string]string{"externalId": p.external, "requestedStartDate": p.start, "requestedCompletionDate": p.by}) {
		body[name] = value
	}
	return body, nil
}

func newOrderListCommand(r *remote) *cobra.Command {
	var account, state string
	var limit uint
	cmd := &cobra.Command{
		Use: "list", Short: "List orders, the newest first", Args: cobra.NoArgs,
		Annotations: noneYet("gyro order place makes one"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"sort": {"-orderDate"}}
			for key, value := range stated(map[string]string{"billingAccount.id": account, "state": state}) {
				query.Set(key, value)
			}
			if limit != 0 {
				query.Set("limit", strconv.FormatUint(uint64(limit), 10))
			}
			return r.list(cmd, &client.Request{Method: client.Get, Path: ordersResource, Query: query},
				column{"ID", "id"}, column{"STATE", "state"}, column{"ACCOUNT", "billingAccount.id"}, column{"ORDERED", "orderDate"},
				column{"COMPLETED", "completionDate"}, column{"ITEMS", "productOrderItem.*.action"}, column{"OF", "productOrderItem.*.product.name"},
				column{"NOTE", "note.0.text"})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "those of this billing account `id`")
	cmd.Flags().StringVar(&state, "state", "", "those in this `state`, such as held, inProgress or completed")
	cmd.Flags().UintVar(&limit, "limit", 0, "show at most this `many`")
	return cmd
}

func newOrderShowCommand(r *remote) *cobra.Command {
	var tasks bool
	cmd := &cobra.Command{
		Use: "show ORDER", Short: "Show an order, or the tasks that carry it out", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !tasks {
				return r.do(cmd, &client.Request{Method: client.Get, Path: ordersResource + client.Path(args[0])})
			}
			return r.items(cmd, ordersOffice+client.Path(args[0], "tasks"), taskColumns...)
		},
	}
	cmd.Flags().BoolVar(&tasks, "tasks", false, "show its tasks")
	return cmd
}

var taskColumns = []column{
	{"TASK", "id"}, {"NAME", "name"}, {"WAY", "direction"}, {"STATE", "state"}, {"ATTEMPTS", "attempts"}, {"NOT BEFORE", "notBefore"}, {"CAUSE", "cause"},
}

func newOrderCancelCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	cmd := &cobra.Command{
		Use: "cancel ORDER", Short: "Ask for an order to be undone", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"productOrder": map[string]any{"id": args[0]}}
			if reason != "" {
				body["cancellationReason"] = reason
			}
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: cancelsResource, Body: body})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "why", "", "the `reason`")
	return cmd
}

// newFalloutCommand builds "gyro fallout": tasks that wait for a person.
func newFalloutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "fallout", Short: "Tasks of orders that failed and wait for a person: list, retry, skip, complete, cancel"}
	r := newOfficeRemote()
	r.flags(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the tasks that wait", Args: cobra.NoArgs,
		Annotations: none("none: no order needs a person"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.items(cmd, falloutOffice, column{"TASK", "id"}, column{"ORDER", "order"}, column{"ACCOUNT", "account"}, column{"CHANGE", "change"},
				column{"MSISDN", "msisdn"}, column{"NAME", "name"}, column{"CODE", "causeCode"}, column{"CAUSE", "cause"}, column{"SUGGESTION", "suggestion"})
		},
	})
	for _, word := range []struct{ use, short string }{
		{"retry", "Try a task again"},
		{"skip", "Go on without a task: it is not needed"},
		{"complete", "Go on behind a task that was carried out by hand"},
		{"cancel", "Undo the item of a task, and what needs it"},
	} {
		cmd.AddCommand(newResolveCommand(r, word.use, word.short))
	}
	return cmd
}

func newResolveCommand(r *remote, word, short string) *cobra.Command {
	var m once
	var note string
	cmd := &cobra.Command{
		Use: word + " TASK", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{}
			if note != "" {
				body["note"] = note
			}
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: falloutOffice + client.Path(args[0], word), Body: body})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&note, "note", "", "`text` for the audit trail: what was found, what was done")
	return cmd
}

// newPoolCommand builds "gyro pool": telephone numbers and cards.
func newPoolCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "pool", Short: "Telephone numbers and cards that lines get: load, show"}
	r := newOfficeRemote()
	r.flags(cmd)
	cmd.AddCommand(newPoolLoadCommand(r), &cobra.Command{
		Use: "show", Short: "Show how much of each pool is in which state", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.items(cmd, poolsOffice, column{"RESOURCE", "resource"}, column{"POOL", "pool"}, column{"STATE", "state"}, column{"COUNT", "count"})
		},
	})
	return cmd
}

func newPoolLoadCommand(r *remote) *cobra.Command {
	var m once
	var pool, numbers, iccid, imsi string
	var count int
	cmd := &cobra.Command{
		Use: "load", Short: "Load a range of telephone numbers, or of cards, into a pool", Args: cobra.NoArgs,
		Example: `  gyro pool load --numbers 491700000000 --count 10000
  gyro pool load --iccid 894901000000000000 --imsi 262011000000000 --count 10000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request, what := &client.Request{Method: client.Post}, "numbers"
			switch {
			case (numbers == "") == (iccid == ""):
				return errors.New("name the first telephone number with --numbers, or the first card with --iccid and --imsi")
			case numbers != "":
				request.Path, request.Body = poolsOffice+client.Path(pool, "msisdn"), map[string]any{"first": numbers, "count": count}
			default:
				request.Path, request.Body = poolsOffice+client.Path(pool, "sim"), map[string]any{"iccid": iccid, "imsi": imsi, "count": count}
				what = "cards"
			}
			err := r.change(cmd, &m, request)
			if err == nil && !r.json {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d %s are loaded into pool %s\n", count, what, pool)
			}
			return err
		},
	}
	m.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&pool, "pool", "default", "`name` of the pool")
	f.StringVar(&numbers, "numbers", "", "the first telephone `number`, in international form without +")
	f.StringVar(&iccid, "iccid", "", "the first card's `number`, 18 digits without the check digit")
	f.StringVar(&imsi, "imsi", "", "the first card's `IMSI`")
	f.IntVar(&count, "count", 1, "how `many`")
	return cmd
}
