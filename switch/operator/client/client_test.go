package client_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// answering is the address of a server that answers everything alike.
func answering(t *testing.T, status int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// What the switch says is in the error, and what it refuses and has not is told from what failed.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name              string
		status            int
		body              string
		refused, notFound bool
		want              string
	}{
		{"refused", 409, `{"error":"too early"}`, true, false, "POST /v1/backup: 409 Conflict: too early"},
		{"not there", 404, `{"error":"no such payment"}`, false, true, "404 Not Found: no such payment"},
		{"another program", 404, "404 page not found\n", false, false, "the right port?"},
		{"failed", 500, `{"error":"the disk is full"}`, false, false, "500 Internal Server Error: the disk is full"},
		{"no JSON", 502, "bad gateway", false, false, "502 Bad Gateway: bad gateway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := client.New(answering(t, c.status, c.body)).Backup(t.Context(), "/backup")
			_, refused := client.Refused(err)
			notFound := client.NotFound(err)
			if err == nil || refused != c.refused || notFound != c.notFound || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: refused %v, not found %v", err, refused, notFound)
			}
		})
	}
}

// A list that breaks off is an error and not a shorter list, and so is an object of something else.
func TestNotWhole(t *testing.T) {
	n := 0
	err := client.New(answering(t, 200, `{"host":"a"}`+"\n"+`{"host":`)).EachAdvice(t.Context(), false,
		func(*operator.Advice) error { n++; return nil })
	if err == nil || n != 1 || !strings.Contains(err.Error(), "breaks off after 1 lines") {
		t.Errorf("%d advices, error %v", n, err)
	}
	at := answering(t, 200, `{"cards":5}`)
	if s, err := client.New(at).Stats(t.Context()); err == nil || !strings.Contains(err.Error(), at) {
		t.Errorf("stats %+v, error %v", s, err)
	}
}

// A whole card number leaves the machine over TLS only; what is masked, and what is no number, may go in clear.
func TestWholeCardsAreNotSentInClear(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end() // so that nobody is looked for at the address
	for name, whole := range map[string]bool{
		"4000000000000002": true, "4000 0000-0000 0002": true, "400000******0002": false, "P10000000001": false,
		"74000016325000000000019": false, // an ARN
	} {
		for _, c := range []struct {
			addr string
			o    client.Options
			may  bool
		}{
			{"192.0.2.1:9583", client.Options{}, false}, {"192.0.2.1:9583", client.Options{TLS: new(tls.Config)}, true},
			{"127.0.0.1:9583", client.Options{}, true}, {"unix:" + t.TempDir() + "/operator", client.Options{}, true},
		} {
			asks, err := client.With(c.addr, c.o)
			if err != nil {
				t.Fatal(err)
			}
			err = asks.EachFound(ended, operator.Search{Of: name}, func(*operator.Found) error { return nil })
			if inClear := strings.Contains(fmt.Sprint(err), "sent in clear"); err == nil || inClear != (whole && !c.may) {
				t.Errorf("%s to %s, TLS %v: %v", name, c.addr, c.o.TLS != nil, err)
			}
		}
	}
}
