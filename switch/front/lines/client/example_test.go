package client_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// Example authorizes an amount. Where the answer is lost, the same request with the same key may be sent again: the
// card is charged once.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, "127.0.0.1:7583", client.Options{Dial: new(net.Dialer).DialContext})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	req := api.Request{
		Op: api.OpAuthorize, Key: "order-4711/1", Merchant: "M100000001", Terminal: "T0000001",
		Amount: 12_345, Currency: "EUR", Card: api.Card{Number: "4111111111111111", Expiry: "2912"},
	}
	req.Present = api.Fields(
		api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
	)
	answer, err := c.Do(ctx, &req)
	switch {
	case err != nil:
		fmt.Println("nobody here knows what became of it:", err)
	case answer.Err != nil:
		fmt.Println("refused, nothing was stored:", answer.Err)
	case answer.Approved:
		fmt.Println(answer.Payment, answer.AuthCode)
	default:
		fmt.Println("declined:", answer.ResponseCode, answer.Reason)
	}
}
