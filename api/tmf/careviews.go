package tmf

import (
	"context"

	"gyro/api/rest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

type newTicket struct {
	Account     string `json:"account,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Severity    string `json:"severity,omitempty"`
	Subject     string `json:"subject"`
	Description string `json:"description,omitempty"`
}

type ticketChange struct {
	State      string `json:"state,omitempty"`
	Severity   string `json:"severity,omitempty"`
	AssignedTo string `json:"assignedTo,omitempty"`
	Note       string `json:"note,omitempty"`
}

type ticketView struct {
	ID          string    `json:"id"`
	Customer    string    `json:"customer"`
	Account     string    `json:"account,omitempty"`
	Kind        string    `json:"kind"`
	Severity    string    `json:"severity"`
	State       string    `json:"state"`
	Subject     string    `json:"subject"`
	Description string    `json:"description,omitempty"`
	AssignedTo  string    `json:"assignedTo,omitempty"`
	CreatedAt   rest.Time `json:"createdAt,omitzero"`
	ResolvedAt  rest.Time `json:"resolvedAt,omitzero"`
}

func viewTicket(t *customer.Ticket) ticketView {
	return ticketView{
		ID: rest.ID(t.ID), Customer: rest.ID(t.CustomerID), Account: refOrNone(t.BillingAccountID), Kind: t.Kind, Severity: string(t.Severity), State: string(t.State),
		Subject: t.Subject, Description: t.Description, AssignedTo: t.AssignedTo, CreatedAt: rest.Time(t.CreatedAt), ResolvedAt: rest.Time(t.ResolvedAt),
	}
}

// refOrNone is an id, empty where there is none.
func refOrNone(id int64) string {
	if id == 0 {
		return ""
	}
	return rest.ID(id)
}

// accountIn is the account that a body names; 0 where it names none.
func accountIn(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return rest.ParseRef("account", text)
}

func (c care) tickets(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	return listed(ctx, call, viewTicket, func(ctx context.Context, q rest.Reader, page customer.Page) ([]customer.Ticket, int, error) {
		return c.s.Tickets(ctx, q, customer.TicketFilter{CustomerID: id}, page)
	})
}

func (c care) openTicket(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in newTicket
	id, err := decodeFor(call, &in)
	if err != nil {
		return nil, err
	}
	account, err := accountIn(in.Account)
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		t, err := c.s.OpenTicketIn(ctx, tx, customer.Ticket{
			CustomerID: id, BillingAccountID: account, Kind: in.Kind, Severity: customer.Severity(in.Severity), Subject: in.Subject, Description: in.Description,
		})
		return rest.Created(ticketsPath+"/"+rest.ID(t.ID), viewTicket(&t)), err
	})
}

// decodeFor reads the body and the id of the path.
func decodeFor(call *rest.Call, in any) (id int64, err error) {
	if err := call.Decode(in); err != nil {
		return 0, err
	}
	return call.ID("id")
}

func (c care) changeTicket(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in ticketChange
	id, err := decodeFor(call, &in)
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		t, err := c.s.ChangeTicketIn(ctx, tx, id, customer.TicketChange{
			State: customer.TicketState(in.State), Severity: customer.Severity(in.Severity), AssignedTo: in.AssignedTo, Note: in.Note,
		})
		return rest.OK(viewTicket(&t)), err
	})
}

type newInteraction struct {
	Account   string `json:"account,omitempty"`
	Channel   string `json:"channel"`
	Direction string `json:"direction"`
	Subject   string `json:"subject"`
	Text      string `json:"text,omitempty"`
}

type interactionView struct {
	ID string `json:"id"`
	newInteraction
	Actor string    `json:"actor"`
	At    rest.Time `json:"at"`
}

func viewInteraction(i *customer.Interaction) interactionView {
	return interactionView{
		ID: rest.ID(i.ID), Actor: i.Actor, At: rest.Time(i.At),
		newInteraction: newInteraction{refOrNone(i.BillingAccountID), string(i.Channel), string(i.Direction), i.Subject, i.Text},
	}
}

func (c care) interactions(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	return listed(ctx, call, viewInteraction, func(ctx context.Context, q rest.Reader, page customer.Page) ([]customer.Interaction, int, error) {
		return c.s.Interactions(ctx, q, id, page)
	})
}

func (c care) interact(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in newInteraction
	id, err := decodeFor(call, &in)
	if err != nil {
		return nil, err
	}
	account, err := accountIn(in.Account)
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		i, err := c.s.RecordInteractionIn(ctx, tx, customer.Interaction{
			CustomerID: id, BillingAccountID: account, Channel: customer.Channel(in.Channel), Direction: customer.Direction(in.Direction), Subject: in.Subject, Text: in.Text,
		})
		return &rest.Answer{Body: viewInteraction(&i)}, err
	})
}

type newConsent struct {
	Purpose string `json:"purpose"`
	Granted bool   `json:"granted"`
	Source  string `json:"source,omitempty"`
}

type consentView struct {
	newConsent
	At rest.Time `json:"at"`
}

func viewConsent(c *customer.Consent) consentView {
	return consentView{newConsent{c.Purpose, c.Granted, c.Source}, rest.Time(c.At)}
}

func (c care) consents(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	views := []consentView{}
	err = call.Read(ctx, func(ctx context.Context, q rest.Reader) error {
		owner, err := c.s.Customer(ctx, q, id)
		if err != nil {
			return err
		}
		rows, err := c.s.Consents(ctx, q, owner.PartyID)
		for k := range rows {
			views = append(views, viewConsent(&rows[k]))
		}
		return err
	})
	return rest.OK(views), err
}

func (c care) consent(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in newConsent
	id, err := decodeFor(call, &in)
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		owner, err := c.s.Customer(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		made, err := c.s.DecideIn(ctx, tx, customer.Consent{PartyID: owner.PartyID, Purpose: in.Purpose, Granted: in.Granted, Source: in.Source})
		return &rest.Answer{Body: viewConsent(&made)}, err
	})
}

type newWebhook struct {
	URL string `json:"url"`
}

type webhookView struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

func (c care) webhook(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in newWebhook
	id, err := decodeFor(call, &in)
	if err != nil {
		return nil, err
	}
	if err := call.NoKey("the answer has a secret"); err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		owner, err := c.s.Customer(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		m, err := c.s.AddContactIn(ctx, tx, customer.ContactMedium{PartyID: owner.PartyID, Kind: customer.Webhook, Value: in.URL})
		return &rest.Answer{Body: webhookView{m.Value, m.Secret}}, err
	})
}

func (c care) noWebhook(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		owner, err := c.s.Customer(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		media, err := c.s.Contacts(ctx, tx, owner.PartyID)
		if err != nil {
			return nil, err
		}
		for k := range media {
			if media[k].Kind == customer.Webhook {
				return rest.NoContent(), c.s.RemoveContactIn(ctx, tx, owner.PartyID, media[k].ID)
			}
		}
		return nil, refusal.New(refusal.NotFound, "webhook_unknown", "", "customer %d has no webhook", id)
	})
}

type messageView struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Customer  string    `json:"customer"`
	Account   string    `json:"account,omitempty"`
	Channel   string    `json:"channel"`
	Template  string    `json:"template"`
	Address   string    `json:"address,omitempty"`
	Subject   string    `json:"subject"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Attempts  int       `json:"attempts"`
	CreatedAt rest.Time `json:"createdAt"`
	SentAt    rest.Time `json:"sentAt,omitzero"`
}

func viewMessage(m *customer.Message) messageView {
	return messageView{
		ID: rest.ID(m.ID), Key: m.Key, Customer: rest.ID(m.CustomerID), Account: refOrNone(m.BillingAccountID), Channel: m.Channel, Template: m.Template,
		Address: m.Address, Subject: m.Subject, State: string(m.State), Reason: m.Reason, Attempts: m.Attempts, CreatedAt: rest.Time(m.CreatedAt), SentAt: rest.Time(m.SentAt),
	}
}

func (c care) messages(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	f := customer.MessageFilter{State: customer.NotificationState(call.Query().Get("state"))}
	if text := call.Query().Get("customer"); text != "" {
		var err error
		if f.CustomerID, err = rest.ParseRef("customer", text); err != nil {
			return nil, err
		}
	}
	return listed(ctx, call, viewMessage, func(ctx context.Context, q rest.Reader, page customer.Page) ([]customer.Message, int, error) {
		return c.s.Messages(ctx, q, f, page)
	})
}

func (c care) resend(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		m, err := c.s.ResendIn(ctx, tx, id)
		return rest.OK(viewMessage(&m)), err
	})
}
