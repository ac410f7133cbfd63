package txswitch_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/config"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/merchant"
	"switchyard/switch/switchtest"
)

const (
	secretOfG1 = "the first gateway's secret, long enough"
	secretOfG2 = "the second gateway's secret, long enough"
)

// What a merchant and a gateway may ask for, one request and a business date: declined requests and repeats count for
// nothing, a start forgets nothing, another date begins anew.
func TestLimits(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{
		Gateways: []switchtest.Gateway{{Name: "G1", Secret: secretOfG1}, {Name: "G2", Secret: secretOfG2}},
		Configure: func(c *txswitch.Config) {
			c.Gateway.Gateways[1].Limits = &merchant.Limits{MaxDayCount: 1}
			limits := merchant.Limits{MaxAmountMinor: map[string]int64{"EUR": 5000}, MaxDayMinor: map[string]int64{"EUR": 6400}}
			c.Merchants.Profiles = []merchant.Profile{{ID: "M1", City: "Berlin", Country: "DEU", MCC: "5999", Limits: &limits}}
		},
	})
	ask := func(gateway string, req api.Request, want string) api.Answer {
		t.Helper()
		secret := map[string]string{"G1": secretOfG1, "G2": secretOfG2}[gateway]
		a := s.DoOn(s.Connect(gateway, secret), req)
		got := string(a.Status)
		if a.Err != nil {
			got = a.Err.Error()
		}
		if got != want {
			t.Errorf("%s, %s %d: %q, want %q", gateway, req.Key, req.Amount, got, want)
		}
		return a
	}
	declined := switchtest.Authorize("declined", 5000)
	declined.Card.Number = "4000000000000515"
	dollars := switchtest.Authorize("dollars", 100)
	dollars.Currency = "USD"

	const each = "limit_exceeded: amount: the merchant's limit of one request is "
	ask("G1", switchtest.Authorize("large", 5001), each+"5000 minor units of EUR")
	ask("G1", dollars, each+"0 minor units of USD")
	ask("G1", declined, "declined")
	first := ask("G1", switchtest.Authorize("first", 5000), "authorized")
	if again := ask("G1", switchtest.Authorize("first", 5000), "authorized"); !again.Replayed {
		t.Error("a repeat was served anew")
	}
	const used = "limit_exceeded: amount: the merchant's limit of a business date is 6400 minor units of EUR"
	ask("G1", switchtest.Authorize("second", 1401), used)
	ask("G1", switchtest.On(api.OpIncrement, "more", first.Payment, 300), "authorized")
	ask("G1", switchtest.On(api.OpIncrement, "too much more", first.Payment, 1101), used)
	s.StopSwitch()
	s.StartSwitch()
	ask("G1", switchtest.Authorize("third", 1101), used)
	ask("G2", switchtest.Authorize("fourth", 900), "authorized")
	const once = "limit_exceeded: amount: the gateway's limit of a business date is 1 request"
	ask("G2", switchtest.Authorize("fifth", 1), once)
	ask("G1", switchtest.On(api.OpCapture, "capture", first.Payment, 5300), "captured")
	s.Operator("POST", "/v1/cutover", nil)
	ask("G2", switchtest.Authorize("sixth", 5000), "authorized")
	ask("G2", switchtest.Authorize("seventh", 1), once)
}

// What cannot be cleared is refused with the configuration.
func TestConfigThatCannotBeCleared(t *testing.T) {
	profile := func(change func(*merchant.Profile)) func(*txswitch.Config) {
		return func(c *txswitch.Config) {
			p := merchant.Profile{ID: "M1", Name: "Shop", City: "Berlin", Country: "DEU", MCC: "5999"}
			change(&p)
			c.Merchants.Profiles = []merchant.Profile{p}
		}
	}
	for want, change := range map[string]func(*txswitch.Config){
		"merchants: merchant 1: merchant M1: no clearing record can be built: clearing: DE43": profile(
			func(p *merchant.Profile) { p.Name = " " },
		),
		"merchants: default merchant: ": func(c *txswitch.Config) { c.Merchants.Default.Name = "  " },
		"merchants: merchant 1: merchant M1: limits.max_day_minor: EUX: 1: expected": profile(func(p *merchant.Profile) {
			p.Limits = &merchant.Limits{MaxDayMinor: map[string]int64{"EUX": 1}}
		}),
		"clearing.max_records: 0: expected 1 to 99999997": func(c *txswitch.Config) { c.Clearing.MaxRecords = 0 },
		"clearing.max_records: 99999998: expected 1 to":   func(c *txswitch.Config) { c.Clearing.MaxRecords = 99_999_998 },
		"clearing.framing: \"\": expected vbs or rdw":     func(c *txswitch.Config) { c.Clearing.Framing = "" },
		"clearing.framing: \"1014\": expected vbs or rdw": func(c *txswitch.Config) { c.Clearing.Framing = "1014" },
		"clearing.no_settlement[0].weekdays[1]: \"Sunnday\": expected Monday to Sunday": closedOn(
			txswitch.NoSettlementConfig{Weekdays: []string{"saturday", "Sunnday"}}),
		"clearing.no_settlement[0].weekdays[1]: \"Sunday\": expected": closedOn(
			txswitch.NoSettlementConfig{Weekdays: []string{"Sunday", "Sunday"}}),
		"clearing.no_settlement[0].weekdays: all seven": closedOn(txswitch.NoSettlementConfig{Weekdays: []string{
			"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
		}}),
		"clearing.no_settlement[0].dates[1]: \"02-30\": expected": closedOn(
			txswitch.NoSettlementConfig{Dates: []string{"02-29", "02-30"}}),
		"clearing.no_settlement[0].dates[0]: \"2026-02-29\": expected": closedOn(
			txswitch.NoSettlementConfig{Dates: []string{"2026-02-29"}}),
		"clearing.no_settlement[0].weekdays, dates, calendars: all": closedOn(txswitch.NoSettlementConfig{}),
		"clearing.no_settlement[0].calendars[1]: \"target\": expected AT, ": closedOn(
			txswitch.NoSettlementConfig{Calendars: []string{"DE", "target"}}),
		"clearing.no_settlement[0].calendars[1]: \"DE\": expected each once": closedOn(
			txswitch.NoSettlementConfig{Calendars: []string{"DE", "DE"}}),
		"clearing.no_settlement[1].destinations: missing": closedOn(
			txswitch.NoSettlementConfig{Dates: []string{"12-25"}}, txswitch.NoSettlementConfig{Dates: []string{"12-26"}}),
		"clearing.no_settlement[1].destinations: \"visa\": expected": closedOn(
			txswitch.NoSettlementConfig{Destinations: []string{"visa"}, Dates: []string{"12-25"}},
			txswitch.NoSettlementConfig{Destinations: []string{"visa"}, Dates: []string{"12-26"}}),
		"clearing.code_page: clearing: code page \"\" is neither": func(c *txswitch.Config) { c.Clearing.CodePage = "" },
		"clearing.forms[0].destinations: missing":                 forms(txswitch.FormConfig{Framing: "rdw"}),
		"clearing.forms[0].code_page, blocked, framing: all": forms(
			txswitch.FormConfig{Destinations: []string{"visa"}}),
		"clearing.forms[1].framing: \"1014\": expected vbs or rdw": forms(
			txswitch.FormConfig{Destinations: []string{"visa"}, Framing: "vbs"},
			txswitch.FormConfig{Destinations: []string{"amex"}, Framing: "1014"}),
		"clearing.forms[0].code_page: ": forms(
			txswitch.FormConfig{Destinations: []string{"visa"}, CodePage: "cp037"}),
		"clearing.forms[1].destinations: \"visa\": expected": forms(
			txswitch.FormConfig{Destinations: []string{"visa"}, Framing: "rdw"},
			txswitch.FormConfig{Destinations: []string{"amex", "visa"}, Framing: "rdw"}),
		"clearing.forms: \"visa\": expected a destination of a route": func(c *txswitch.Config) {
			c.Clearing.Forms = []txswitch.FormConfig{{Destinations: []string{"visa"}, Framing: "rdw"}}
			c.Routes.Rules = []txswitch.RouteRule{{Route: "r", Destination: "VISA", Host: c.Issuers[0].Name}}
		},
		"clearing.windows[0].destinations: missing": windows(txswitch.WindowsConfig{At: hours(6)}),
		"clearing.windows[0].at: missing":           windows(txswitch.WindowsConfig{Destinations: []string{"visa"}}),
		"clearing.windows[0].at[1]: expected times other than": windows(
			txswitch.WindowsConfig{Destinations: []string{"visa"}, At: hours(6, 6)}),
		"clearing.windows[0].at[0]: expected times other than": windows(
			txswitch.WindowsConfig{Destinations: []string{"visa"}, At: hours(0)}),
		"clearing.windows[1].destinations: \"visa\": expected": windows(
			txswitch.WindowsConfig{Destinations: []string{"visa"}, At: hours(6)},
			txswitch.WindowsConfig{Destinations: []string{"amex", "visa"}, At: hours(6)}),
		"clearing.windows: \"visa\": expected a destination of a route": func(c *txswitch.Config) {
			c.Clearing.Windows = []txswitch.WindowsConfig{{Destinations: []string{"visa"}, At: hours(6)}}
			c.Routes.Rules = []txswitch.RouteRule{{Route: "r", Destination: "VISA", Host: c.Issuers[0].Name}}
		},
		"clearing.windows: 1000 clearing files with those of all destinations: a date has at": func(c *txswitch.Config) {
			c.Clearing.NodeInFileID = true
			x := txswitch.WindowsConfig{At: hours(6, 12, 18)}
			for i := range 250 {
				name := fmt.Sprint("d", i)
				c.Routes.Rules = append(c.Routes.Rules, txswitch.RouteRule{
					Prefix: fmt.Sprint(4000 + i), Route: name, Destination: name, Host: c.Issuers[0].Name,
				})
				x.Destinations = append(x.Destinations, name)
			}
			c.Clearing.Windows = []txswitch.WindowsConfig{x}
		},
		"routes: 1000 destinations: a date has at most 999 clearing files": func(c *txswitch.Config) {
			c.Clearing.NodeInFileID = true
			for i := range 1000 {
				name := fmt.Sprint("d", i)
				c.Routes.Rules = append(c.Routes.Rules, txswitch.RouteRule{
					Prefix: fmt.Sprint(4000 + i), Route: name, Destination: name, Host: c.Issuers[0].Name,
				})
			}
		},
	} {
		c := txswitch.DefaultConfig()
		change(c)
		if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if err := txswitch.DefaultConfig().Check(); err != nil {
		t.Error(err)
	}
}

// Nodes that share a processor id say which of them a file is of.
func TestNodeInFileID(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		c.Node, c.Clearing.NodeInFileID = 7, true
	}})
	var result struct {
		Files []struct {
			FileID string `json:"file_id"`
		}
	}
	s.Operator("POST", "/v1/cutover", &result)
	if len(result.Files) != 1 || !strings.HasSuffix(result.Files[0].FileID, "40000107001") {
		t.Errorf("the files are %+v", result.Files)
	}
}

// A destination's presentments go into files of clearing.max_records, whose sequences have no gap.
func TestMaxRecords(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) { c.Clearing.MaxRecords = 2 }})
	for i := range 5 {
		p := s.Do(switchtest.Authorize(fmt.Sprint("a", i), 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", i), p, 1000)), "")
	}
	s.AwaitDrained()
	var result struct {
		Files []struct {
			FileID       string `json:"file_id"`
			Presentments int    `json:"presentments"`
		}
	}
	s.Operator("POST", "/v1/cutover", &result)
	var told []string
	for _, f := range result.Files {
		told = append(told, fmt.Sprint(f.FileID[len(f.FileID)-5:], ": ", f.Presentments))
	}
	if want := []string{"00001: 2", "00002: 2", "00003: 1"}; !slices.Equal(told, want) {
		t.Errorf("the files are %q, want %q", told, want)
	}
	s.Audit()
}

// clearing.framing reaches the files, their manifest and what the date was sealed with; the audit holds all of them
// against each other.
func TestDescriptorWords(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) { c.Clearing.Framing = "rdw" }})
	p := s.Do(switchtest.Authorize("a", 1000)).Payment
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c", p, 1000)), "")
	s.AwaitDrained()
	var result struct{ Files []struct{ Manifest string } }
	s.Operator("POST", "/v1/cutover", &result)
	var days []struct{ Data struct{ RDW bool } }
	s.Operator("GET", "/v1/days", &days)
	if len(result.Files) != 1 || !days[0].Data.RDW {
		t.Fatalf("files %+v, days %+v", result.Files, days)
	}
	s.Audit()
}

// clearing.forms reaches the files of its destinations alone; the audit holds them against what was sealed.
func TestFormOfADestination(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		c.Clearing.Forms = []txswitch.FormConfig{{Destinations: []string{"visa"}, CodePage: "ascii", Framing: "rdw"}}
	}})
	for key, card := range map[string]string{"v": "4000000000000002", "m": "5555555555554444"} {
		request := switchtest.Authorize(key, 1000)
		request.Op, request.Card.Number = api.OpSale, card
		wantApproved(t, s.Do(request), "00")
	}
	s.AwaitDrained()
	var result struct {
		Files []struct{ Destination, Manifest string }
	}
	s.Operator("POST", "/v1/cutover", &result)
	var told []string
	for _, f := range result.Files {
		in, err := s.FS.Open(f.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := clearing.ReadManifest(in)
		if err = errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		framing := clearing.Framing{Blocked: m.Blocked, RDW: m.RDW}
		told = append(told, fmt.Sprintf("%s: %s, %s", f.Destination, m.CodePage, framing))
	}
	if want := []string{"mastercard: cp500, 1014 blocks", "visa: ascii, 1014 blocks, RDW"}; !slices.Equal(told, want) {
		t.Errorf("the files are %q, want %q", told, want)
	}
	s.Audit()
}

// forms is a configuration with forms of destinations.
func forms(entries ...txswitch.FormConfig) func(*txswitch.Config) {
	return func(c *txswitch.Config) { c.Clearing.Forms = entries }
}

// windows is a configuration with windows.
func windows(entries ...txswitch.WindowsConfig) func(*txswitch.Config) {
	return func(c *txswitch.Config) { c.Clearing.Windows = entries }
}

func hours(times ...int) (at []config.TimeOfDay) {
	for _, hour := range times {
		at = append(at, config.TimeOfDay(time.Duration(hour)*time.Hour))
	}
	return at
}

// closedOn configures days without settlement.
func closedOn(entries ...txswitch.NoSettlementConfig) func(*txswitch.Config) {
	return func(c *txswitch.Config) { c.Clearing.NoSettlement = entries }
}

// What is accepted on a day without settlement stands in the next one's file, and nowhere before: the audit lists it as
// not cleared until then. A void of it before that undoes it at the issuer.
func TestNoSettlement(t *testing.T) {
	begin := time.Now()
	noon := begin.UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	s := switchtest.Start(t, switchtest.Options{
		Wall:      func() time.Time { return noon.Add(time.Since(begin)) },
		Configure: closedOn(txswitch.NoSettlementConfig{Dates: []string{noon.Format(time.DateOnly)}}),
	})
	captured := func(key string) string {
		p := s.Do(switchtest.Authorize(key, 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, key+"-c", p, 1000)), "")
		return p
	}
	first, voided := captured("first"), captured("voided")
	s.AwaitDrained()
	var closed struct {
		BusinessDate string `json:"business_date"`
		Files        []struct {
			Presentments int `json:"presentments"`
		}
	}
	s.Operator("POST", "/v1/cutover", &closed)
	if closed.BusinessDate != noon.Format(time.DateOnly) || len(closed.Files) > 0 {
		t.Errorf("a day without settlement is %+v", closed)
	}
	if report := s.Audit(); report.NotCleared.Count != 2 {
		t.Errorf("not cleared are %+v", report.NotCleared)
	}
	wantApproved(t, s.Do(void("void", voided, voided+"-1")), "00")
	captured("second")
	s.AwaitDrained()
	s.Operator("POST", "/v1/cutover?ahead=true", &closed)
	if len(closed.Files) != 1 || closed.Files[0].Presentments != 2 {
		t.Errorf("the next day has the files %+v", closed.Files)
	}
	if report := s.Audit(); report.NotCleared.Count != 0 {
		t.Errorf("not cleared are %+v", report.NotCleared)
	}
	wantApproved(t, s.Do(void("late", first, first+"-1")), "")
	s.Audit()
}
