/* trust_names.c - every name by which a provider is known to other programs finds a description here. */
#include "trust_fixture.h"

/* clang-format off */
static const char *const names[] = {
	"adobe-commerce", "adobe-i-o-events", "adyen", "affirm", "aftership", "airtable", "airwallex",
	"alchemy", "anthropic", "asana", "atlassian-connect", "auth0", "authorize-net", "aws-eventbridge",
	"aws-sns", "azure-devops", "azure-eventgrid", "bigcommerce", "bird", "bitbucket", "bolt", "box",
	"braintree", "brevo", "buildkite", "cal-com", "calcom", "calendly", "cashfree", "chargebee",
	"chargify-maxio", "checkout-com", "circleci", "clerk", "clickup", "cloudevents",
	"cloudflare-notifications", "cloudflare-stream", "cloudinary", "coinbase-cdp", "coinbase-commerce",
	"contentful", "creem", "customer-io", "datadog", "discord", "dockerhub", "docusign",
	"dodo-payments", "doppler", "dropbox", "dropbox-sign", "dwolla", "easypost", "ebay", "elevenlabs",
	"etsy", "fastly", "fastspring", "fedex", "feishu", "feishu-lark", "figma", "finch", "flutterwave",
	"forgejo", "front", "fusionauth", "generic", "getstream", "gitea", "github", "gitlab",
	"gitlab-signing", "gocardless", "google-drive", "google-pubsub", "grafana", "heroku", "hookdeck",
	"hubspot", "huggingface", "hygraph", "imagekit", "intercom", "intuit-quickbooks", "jira", "kick",
	"kinde", "klaviyo", "kontent-ai", "lark", "launchdarkly", "lemon-squeezy", "line", "linear",
	"lithic", "livekit", "lob", "lovable", "mailgun", "mailtrap", "mandrill", "mercado-pago",
	"messagebird", "meta", "miro", "modern-treasury", "mollie", "monday", "moralis", "msgraph",
	"msteams", "mux", "netlify", "notion", "npm-hooks", "nylas", "okta", "onfido", "openai", "orb",
	"paddle", "pagerduty", "paypal", "paystack", "persona", "plaid", "plivo", "polar", "postmark",
	"pusher", "qstash", "quicknode", "razorpay", "recharge", "recurly", "replicate", "resend", "retell",
	"rfc9421", "salesforce-marketing-cloud", "sanity", "segment", "sendgrid", "sentry", "shippo",
	"shopify", "sinch", "slack", "snyk", "sparkpost", "square", "squarespace", "standard-webhooks",
	"standard-webhooks-v1a", "stripe", "supabase", "svix", "tally", "telegram", "telnyx",
	"terraform-cloud", "tiktok", "todoist", "travis-ci", "trello", "truelayer", "twilio", "twitch",
	"typeform", "vercel", "veriff", "viber", "vonage", "webex", "webflow", "websub", "wechat", "wecom",
	"whop", "wise", "woocommerce", "workos", "worldpay-access", "x-twitter", "xendit", "xero",
	"youtube", "zendesk", "zoom",
};
/* clang-format on */

static void test_names(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_catalogue *catalogue = NULL;

	(void)state;
	if (trust_catalogue_new(NULL, NULL, &diag, &catalogue))
		fail_msg("%s", fixture_findings(&diag));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct trust_provider *provider = trust_catalogue_find(catalogue, slice_str(names[i]));
		struct trust_about about;

		if (!provider)
			fail_msg("%s is not known", names[i]);
		trust_about(provider, &about);
		if (about.confidence.n == 0 || about.scheme.n == 0)
			fail_msg("%s does not say how it is signed, or how far that may be trusted", names[i]);
	}
	trust_catalogue_free(catalogue);
	config_diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
