package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// Close the business date, and look at what issuers refused.
func Example() {
	addr, stop := aSwitch()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c := client.New(addr) // 127.0.0.1:9583
	result, err := c.Cutover(ctx, client.Cutover{Wait: 30 * time.Second})
	if why, refused := client.Refused(err); refused {
		fmt.Println("it stays open:", why)
	} else if err != nil {
		fmt.Println(err)
	} else {
		fmt.Println("closed:", result.BusinessDate)
	}
	err = c.EachAdvice(ctx, true, func(a *operator.Advice) error {
		fmt.Printf("%s %d: the %s of %s: %s\n", a.Host, a.Seq, a.Kind, a.Payment, a.Reason)
		return nil
	})
	fmt.Println(err)
	// Output:
	// it stays open: business date 2026-11-22 has not begun
	// issuer 7: the capture of P100000000AB: the issuer refused it with 57
	// <nil>
}

// aSwitch answers as a switch whose date was closed early.
func aSwitch() (addr string, stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/cutover", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintln(w, `{"error":"business date 2026-11-22 has not begun"}`)
	})
	mux.HandleFunc("GET /v1/saf", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"host":"issuer","seq":7,"payment":"P100000000AB","kind":"capture","parked":true,`+
			`"reason":"the issuer refused it with 57"}`)
	})
	server := httptest.NewServer(mux)
	return strings.TrimPrefix(server.URL, "http://"), server.Close
}
