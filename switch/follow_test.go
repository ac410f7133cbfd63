package txswitch_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// follows makes the switch follow an issuer's host. The scheduled cutover is half a day away, whenever the test runs.
func follows(issuer string) func(*txswitch.Config) {
	return func(c *txswitch.Config) {
		now := time.Now().UTC()
		c.BusinessDay.Cutover = config.TimeOfDay(time.Duration((now.Hour()+12)%24) * time.Hour)
		c.BusinessDay.Follow = issuer
	}
}

// announce makes issuer-sim announce its cutover, on each of its two connections.
func announce(t *testing.T, s *switchtest.System) {
	t.Helper()
	s.Await("both links are up", func() bool {
		links := s.Switch.Stats().Links["issuer"]
		return len(links) == 2 && links[0].State == "up" && links[1].State == "up"
	})
	var sent struct{ Announced int }
	s.Control("POST", "/v1/announce-cutover", &sent)
	if sent.Announced != 2 {
		t.Fatalf("announced on %d connections, want 2", sent.Announced)
	}
}

type businessDay struct {
	Date, State string
	Data        struct {
		Result struct {
			Files []businessFile
		}
	}
}

type businessFile struct {
	Destination  string
	Presentments int
}

func businessDays(t *testing.T, s *switchtest.System) (days []businessDay) {
	t.Helper()
	var text string
	s.Operator("GET", "/v1/days", &text)
	if err := json.Unmarshal([]byte(text), &days); err != nil {
		t.Fatal(err)
	}
	return days
}

// logged counts the log's lines with a message that begins so.
func logged(s *switchtest.System, message string) int {
	return strings.Count(s.Logs.String(), `"msg":"`+message)
}

const (
	followed    = "a business date was closed with the host's cutover"
	notFollowed = "the host's cutover closes no business date"
	unfinished  = "the host's cutover was not followed to its end"
	announced   = "the host announced its cutover"
)

// The host's cutover closes the open date, once: not for each of its links, nor for what it repeats. What comes after
// it stands in the next date, which an operator closes ahead of time only if asked to.
func TestHostsCutoverIsFollowed(t *testing.T) {
	leavesNothing(t)
	s := switchtest.Start(t, switchtest.Options{Configure: follows("issuer")})
	sale := func(key string) {
		r := switchtest.Authorize(key, 1000)
		r.Op = api.OpSale
		wantApproved(t, s.Do(r), "00")
	}
	sale("k1")
	sale("k2")
	first := s.Switch.Stats().OpenDay
	announce(t, s)
	s.Await("the date is closed, and the other link's announcement closes none", func() bool {
		return logged(s, followed) == 1 && logged(s, notFollowed) == 1
	})
	second := s.Switch.Stats().OpenDay
	sale("k3")
	announce(t, s)
	s.Await("the repeat closes no date", func() bool { return logged(s, notFollowed) >= 2 })
	if open := s.Switch.Stats().OpenDay; open != second || open == first {
		t.Errorf("%s was open, then %s, and %s after the repeat", first, second, open)
	}
	if days := businessDays(t, s); len(days) != 2 || days[0].Date != first || days[0].State != "written" ||
		days[0].Data.Result.Files[0].Presentments != 2 || days[1].State != "open" {
		t.Errorf("business dates: %+v", days)
	}
	if files := cutover(t, s, true); files[0].Records != 1 {
		t.Errorf("the next date's file: %+v", files)
	}
	s.Audit()
	s.StopSwitch()
	if n := logged(s, followed); n != 1 {
		t.Errorf("%d dates were closed with the host's cutover, want 1", n)
	}
}

// Another issuer's cutover, and any without the option, is answered and logged only.
func TestOtherHostsCutoverIsLogged(t *testing.T) {
	for name, configure := range map[string]func(*testing.T, *txswitch.Config){
		"no issuer is followed": func(_ *testing.T, c *txswitch.Config) { follows("")(c) },
		"another one is": func(t *testing.T, c *txswitch.Config) {
			approving := startScripted(t, func(_, _ *spec.Message) bool { return true })
			c.Issuers = append(c.Issuers, txswitch.IssuerConfig{Name: "other", Address: approving})
			follows("other")(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) { configure(t, c) }})
			day := s.Switch.Stats().OpenDay
			announce(t, s)
			s.Await("both announcements are logged", func() bool { return logged(s, announced) == 2 })
			s.Await("both are answered", func() bool { return logged(s, "the cutover was answered") == 2 })
			s.StopSwitch()
			if log := s.Logs.String(); logged(s, followed)+logged(s, notFollowed)+logged(s, unfinished) > 0 {
				t.Errorf("it was followed:\n%s", log)
			}
			s.StartSwitch()
			if open := s.Switch.Stats().OpenDay; open != day {
				t.Errorf("%s is open, was %s", open, day)
			}
		})
	}
}

// Files that cannot be written are an error that says what to do; the date is closed all the same, and another
// announcement closes no further one. The next start writes them.
func TestFollowedCutoverFails(t *testing.T) {
	leavesNothing(t)
	s := switchtest.Start(t, switchtest.Options{Configure: follows("issuer")})
	inTheWay := s.FS.PathJoin(s.Config.Data, "clearing")
	f, err := s.FS.Create(inTheWay, "")
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	first := s.Switch.Stats().OpenDay
	announce(t, s)
	s.Await("the failure and the other link's announcement are logged", func() bool {
		return logged(s, unfinished)+
			logged(s, notFollowed) == 2
	})
	if logged(s, unfinished) != 1 || !strings.Contains(s.Logs.String(), "switchctl cutover") {
		t.Errorf("the log:\n%s", s.Logs)
	}
	if days := businessDays(t, s); len(days) != 2 || days[0].Date != first || days[0].State != "sealed" ||
		days[1].State != "open" {
		t.Errorf("business dates: %+v", days)
	}
	s.StopSwitch()
	if err := s.FS.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	s.Await("the date is written", func() bool { return businessDays(t, s)[0].State == "written" })
}

// A cutover that is being followed, and waits for an outcome, does not outlive the switch; the next start goes on with
// it.
func TestStopWhileFollowing(t *testing.T) {
	leavesNothing(t)
	s := switchtest.Start(t, switchtest.Options{Configure: follows("issuer"), Deadline: time.Hour})
	var client sync.WaitGroup
	client.Go(func() {
		sale := switchtest.Authorize("k1", 1000)
		sale.Op, sale.Card.Number = api.OpSale, "4000000000000986" // the issuer never answers
		_, _ = s.Client.Do(context.Background(), &sale)            // the stop comes first
	})
	s.Await("the sale is at the issuer", func() bool {
		var sales string
		s.Control("GET", "/v1/authorizations", &sales)
		return sales != ""
	})
	first := s.Switch.Stats().OpenDay
	announce(t, s)
	s.Await("the cutover has begun", func() bool { return s.Switch.Stats().OpenDay != first })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_ = s.Switch.Close(ctx) // says that it cut the sale off
	client.Wait()
	s.Switch = nil
	if n := logged(s, "the switch stops before the host's cutover was followed"); n != 1 {
		t.Errorf("%d lines say that the cutover was cut short, want 1:\n%s", n, s.Logs)
	}
	s.StartSwitch()
	s.Await("the date is written", func() bool { return businessDays(t, s)[0].State == "written" })
	s.AwaitDrained()
}
