package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"gyro/billing/payment/provider"
	"gyro/internal/config"
	"gyro/provisioning"
	"gyro/provisioning/adapter"
)

// openElements makes the adapters of the network elements that are configured.
func openElements(c *config.Elements) ([]provisioning.Element, error) {
	var found []provisioning.Element
	if c.HSS != "" {
		hss, err := adapter.NewSubscriberData(adapter.Options{URL: c.HSS, Timeout: c.Timeout})
		if err != nil {
			return nil, fmt.Errorf("office.elements.hss: %w", err)
		}
		found = append(found, hss)
	}
	if c.PCRF != "" {
		pcrf, err := adapter.NewPolicy(adapter.Options{URL: c.PCRF, Timeout: c.Timeout})
		if err != nil {
			return nil, fmt.Errorf("office.elements.pcrf: %w", err)
		}
		found = append(found, pcrf)
	}
	return found, nil
}

// openProvider makes the client of the payment provider and what proves its
// webhooks; without a configured provider the first is nil, and no webhook is
// proved.
func openProvider(c *config.Payment) (provider.Provider, provider.Verifier, error) {
	var verifier provider.Verifier
	if c.Provider == "" {
		return nil, verifier, nil
	}
	key, err := secretFrom("office.payment.key_file", c.KeyFile)
	if err != nil {
		return nil, verifier, err
	}
	if verifier.Secrets, err = webhookSecrets(c.WebhookSecretFile); err != nil {
		return nil, verifier, err
	}
	client, err := provider.NewClient(provider.Options{URL: c.Provider, APIKey: key})
	if err != nil {
		return nil, verifier, fmt.Errorf("office.payment.provider: %w", err)
	}
	return client, verifier, nil
}

// maxWebhookSecrets are the present secret and the next; more are forgotten ones.
const maxWebhookSecrets = 2

// webhookSecrets reads the secrets that may have signed a webhook: one a line,
// two while one is being replaced.
func webhookSecrets(path string) ([]string, error) {
	const setting = "office.payment.webhook_secret_file"
	if _, err := secretFrom(setting, path); err != nil || path == "" {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	defer func() { _ = file.Close() }() // only read
	var secrets []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if secret := strings.TrimSpace(lines.Text()); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	if len(secrets) > maxWebhookSecrets {
		return nil, fmt.Errorf("%s: %s has %d secrets; keep the present one, and the next while it is being replaced", setting, path, len(secrets))
	}
	return secrets, nil
}
