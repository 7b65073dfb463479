package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// ordersPage are the commands in the boxes of docs/operations/orders.md, in order.
func ordersPage(t *testing.T) []string { return boxes(t, "orders.md") }

// boxes are the commands in the boxes of a page.
func boxes(t *testing.T, name string) (commands []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations/" + name)
	if err != nil {
		t.Fatal(err)
	}
	inBox := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inBox = !inBox
		case inBox:
			commands = append(commands, line)
		}
	}
	return commands
}

// words splits a command as a shell does, as far as the page needs it.
func words(command string) (list []string) {
	for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1) {
		list = append(list, strings.Trim(word, "'"))
	}
	return list
}

// clerkAtHand runs the commands of the page against an operator.
type clerkAtHand struct{ *operator }

func (c clerkAtHand) run(args ...string) string {
	c.t.Helper()
	return c.gyro(append(args, "--office", "http://"+c.officeAddress, "--office-key-file", adminKeyFile(c.site.dir))...)
}

// fallen is the task that waits for a person.
func (c clerkAtHand) fallen(name string) (id string) {
	c.t.Helper()
	eventually(c.t, name+" has fallen out", func() bool {
		var queue struct{ Items []struct{ ID, Name string } }
		if !c.try(falloutOffice, &queue) || len(queue.Items) == 0 {
			return false
		}
		if len(queue.Items) > 1 || queue.Items[0].Name != name {
			c.t.Fatalf("fallout queue %+v, want %s alone", queue.Items, name)
		}
		id = queue.Items[0].ID
		return true
	})
	return id
}

// becomes waits until the newest order is in a state.
func (c clerkAtHand) becomes(state string) {
	c.t.Helper()
	var last struct{ ID, State string }
	eventually(c.t, "the last order is "+state, func() bool {
		var orders []struct{ ID, State string }
		if err := json.Unmarshal([]byte(c.run("order", "list", "--json")), &orders); err != nil || len(orders) == 0 {
			c.t.Fatal(err, orders)
		}
		last = orders[0] // the newest
		return last.State == state
	})
}

// TestOrdersPage runs what the page of orders tells people to do: an order from beginning to end, every remedy of the fallout
// queue, and a cancellation.
func TestOrdersPage(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		c := clerkAtHand{o}
		if account := o.customer("Ada", "Lang"); account != "1" {
			t.Fatalf("the first account is %s", account)
		}
		const refuses = `{"refuse":1000,"refuse_status":422}`
		ran := map[string]int{}
		for _, command := range ordersPage(t) {
			args := words(command)[1:]
			what := args[0] + " " + args[1]
			if what == "order place" {
				what += " " + args[4]
			}
			ran[what]++
			switch what {
			case "order place --suspend", "order place --resume":
				o.hss.fails(refuses)
			case "order place --add":
				if o.hss.fails(""); ran[what] > 1 {
					o.pcrf.fails(refuses)
				}
			case "fallout list":
				c.fallen("hss.suspend")
			case "fallout retry":
				args[2] = c.fallen("hss.suspend")
				o.hss.fails("")
			case "fallout complete":
				args[2] = c.fallen("hss.resume")
			case "fallout skip":
				args[2] = c.fallen("hss.suspend")
			case "fallout cancel":
				args[2] = c.fallen("pcrf.create")
			case "order cancel":
				c.fallen("pcrf.create")
			}
			said := c.run(args...)
			want := map[string]string{
				"pool show": "available", "order list": "mobile", "order show": "core.prepare", "fallout list": "hss.suspend",
			}[what]
			if !strings.Contains(strings.ToLower(said), want) {
				t.Errorf("%s does not say %q:\n%s", command, want, said)
			}
			switch what {
			case "fallout retry", "fallout complete", "fallout skip":
				c.becomes("completed")
			case "fallout cancel":
				c.becomes("failed")
			case "order cancel":
				c.becomes("cancelled")
			case "order place --add":
				if ran[what] == 1 {
					c.becomes("completed")
				}
			}
		}
		for _, what := range []string{"fallout retry", "fallout complete", "fallout skip", "fallout cancel", "order cancel"} {
			if ran[what] != 1 {
				t.Errorf("the page has %s %d times", what, ran[what])
			}
		}
		o.p.stop()
	})
}
