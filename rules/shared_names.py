"""Names that a great many others share: content networks, hosting, sign-in and app services.

Neither a site nor a list may claim one of them whole: with it, half the web would go.
"""

from typing import Final

# Where sites of all kinds keep what they show.
CONTENT_NETWORKS: Final = frozenset(
    {
        "akamai.net",
        "akamaiedge.net",
        "akamaihd.net",
        "akamaized.net",
        "amazonaws.com",
        "azureedge.net",
        "azurefd.net",
        "b-cdn.net",
        "cdn77.org",
        "cloudflare.com",
        "cloudflare.net",
        "cloudfront.net",
        "edgekey.net",
        "edgesuite.net",
        "fastly.net",
        "fastlylb.net",
        "footprint.net",
        "ggpht.com",
        "google.com",
        "googleapis.com",
        "googleusercontent.com",
        "gstatic.com",
        "jsdelivr.net",
        "llnwd.net",
        "unpkg.com",
        "windows.net",
    }
)

# What besides is too much for a list from outside to take. A school's own policy may name one.
SHARED_NAMES: Final = CONTENT_NETWORKS | frozenset(
    {
        "aaplimg.com",
        "akadns.net",
        "akamai.com",
        "akstat.io",
        "apple.com",
        "appspot.com",
        "awsglobalaccelerator.com",
        "azure.com",
        "azurewebsites.net",
        "bootstrapcdn.com",
        "cdnjs.com",
        "cloudinary.com",
        "digitaloceanspaces.com",
        "edgecastcdn.net",
        "elasticbeanstalk.com",
        "fastly.com",
        "firebaseapp.com",
        "github.com",
        "github.io",
        "githubusercontent.com",
        "google.co.uk",
        "googlevideo.com",
        "hwcdn.net",
        "icloud.com",
        "imgix.net",
        "incapdns.net",
        "jquery.com",
        "live.com",
        "microsoft.com",
        "microsoftonline.com",
        "msedge.net",
        "msftauth.net",
        "mzstatic.com",
        "netlify.app",
        "office.com",
        "office.net",
        "office365.com",
        "pages.dev",
        "recaptcha.net",
        "sharepoint.com",
        "stackpathdns.com",
        "trafficmanager.net",
        "typekit.net",
        "vercel.app",
        "windowsupdate.com",
        "workers.dev",
        "wp.com",
    }
)

ONE_SERVICE: Final = frozenset(
    {"apps.fbsbx.com", "discordsays.com", "discordsez.com", "withyoutube.com"}
)
"""Names in the public suffix list below which all belongs to one service nevertheless.

Their owners had them listed so that browsers keep the small programs there apart from each other;
these run inside the service only. (publicsuffix.org, private section)
"""
